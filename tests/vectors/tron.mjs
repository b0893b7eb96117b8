// Makes tron.json with tronweb, the reference of Tron's formats: `npm install --no-save tronweb@6.5.1 && node tron.mjs > tron.json`.
// Keys and values are fixed, so that the file is the same each time.
import { createHash } from "node:crypto";
import { TronWeb, utils } from "tronweb";

const sha = (text) => createHash("sha256").update(text).digest("hex");
const key = (name) => sha(`som/test/key/${name}`);
const tron = new TronWeb({ fullHost: "http://127.0.0.1:1" });

const addresses = ["a", "b", "c", "d", "e"].map((name) => {
  const private_key = key(name);
  const base58 = tron.address.fromPrivateKey(private_key);
  return { private_key, base58, hex: tron.address.toHex(base58).toLowerCase() };
});
addresses.push({ private_key: "", base58: tron.address.fromHex("41" + "00".repeat(20)), hex: "41" + "00".repeat(20) });
addresses.push({ private_key: "", base58: tron.address.fromHex("41" + "ff".repeat(20)), hex: "41" + "ff".repeat(20) });

const cases = [
  { data: "", call_value: 0, fee_limit: 0, memo: "" },
  { data: "a9059cbb" + "00".repeat(64), call_value: 0, fee_limit: 150_000_000, memo: "" },
  { data: sha("1").repeat(3), call_value: 1, fee_limit: 1, memo: "" },
  { data: sha("2").repeat(40), call_value: 127, fee_limit: 15_000_000_000, memo: "" },
  { data: sha("3"), call_value: 128, fee_limit: 16_384, memo: Buffer.from("som: a memo").toString("hex") },
  { data: "00", call_value: 9_007_199_254_740_991, fee_limit: 16_383, memo: "" },
];
const transactions = cases.map((each, index) => {
  const [owner, contract] = [addresses[index % 5].hex, addresses[(index + 1) % 5].hex];
  const value = { owner_address: owner, contract_address: contract };
  if (each.data) value.data = each.data;
  if (each.call_value) value.call_value = each.call_value;
  const raw = {
    contract: [{ parameter: { value, type_url: "type.googleapis.com/protocol.TriggerSmartContract" }, type: "TriggerSmartContract" }],
    ref_block_bytes: sha(`block ${index}`).slice(0, 4),
    ref_block_hash: sha(`hash ${index}`).slice(0, 16),
    expiration: 1_800_000_060_000 + index,
    timestamp: 1_800_000_000_000 + index,
  };
  if (each.fee_limit) raw.fee_limit = each.fee_limit;
  if (each.memo) raw.data = each.memo;
  const pb = utils.transaction.txJsonToPb({ raw_data: raw });
  const raw_hex = utils.transaction.txPbToRawDataHex(pb).toLowerCase();
  const tx_id = utils.transaction.txPbToTxID(pb).replace(/^0x/, "").toLowerCase();
  const signature = utils.crypto.signTransaction(key("abcde"[index % 5]), { txID: tx_id, raw_data: raw, raw_data_hex: raw_hex }).signature[0];
  return { owner, contract, ...each, ref_block_bytes: raw.ref_block_bytes, ref_block_hash: raw.ref_block_hash,
    expiration: raw.expiration, timestamp: raw.timestamp, raw_hex, tx_id, private_key: key("abcde"[index % 5]), signature: signature.replace(/^0x/, "").toLowerCase() };
});

const types = {
  Checkpoint: "bytes32 routeId,uint64 setEpoch,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint64 lockCount,uint256 cumulativeLocked,uint256 cumulativeRefunded,uint64 issuedAt",
  MintAuth: "bytes32 routeId,uint64 setEpoch,uint64 nonce,bytes32 lockId,address recipient,uint256 amount,uint64 deadline,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint256 cumulativeLocked,uint256 cumulativeRefunded",
  RotateAttestors: "bytes32 routeId,uint64 newEpoch,address[] attestors,uint256 threshold,uint64 ledgerHeight,bool immediate",
  ReserveStatement: "bytes32 routeId,uint64 ledgerHeight,bytes32 ledgerBlockHash,uint256 cumulativeLocked,uint256 cumulativeRefunded,uint256 cumulativeReleased,uint256 vaultBalance,uint64 issuedAt",
};
const domain = { name: "DigitalSomBridge", version: "1", chainId: 728126428, verifyingContract: addresses[4].base58 };
const sample = (type, name, index) =>
  type === "bytes32" ? "0x" + sha(name) : type === "address" ? addresses[0].base58 : type === "address[]" ? addresses.slice(0, 4).map((a) => a.base58)
    : type === "bool" ? true : String(1_000_003 * (index + 1));
const typed = Object.entries(types).map(([name, text]) => {
  const fields = text.split(",").map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] }));
  const message = Object.fromEntries(fields.map((field, index) => [field.name, sample(field.type, field.name, index)]));
  const digest = utils._TypedDataEncoder.hash(domain, { [name]: fields }, message).replace(/^0x/, "");
  return { name, message, digest };
});
console.log(JSON.stringify({ made_with: "tronweb 6.5.1", addresses, transactions, domain, typed }, null, 1));
