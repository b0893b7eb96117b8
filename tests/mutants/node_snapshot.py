"""Deliberate bugs of snapshots (K20), the epoch chain (K23), lost memory (K15) and backups."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

STATE = "tests/node/test_snapshot.py"
EPOCHS = "tests/node/test_epochchain.py"
KEEPER = "tests/node/test_snapshot_keeper.py"
NETWORK = "tests/node/test_snapshot_network.py"
RECOVER = "tests/node/test_recover.py"
BACKUP = "tests/node/test_backup.py"
LIES = f"{STATE}::test_a_manifest_altered_with_its_chunks_is_not_the_state_of_the_header"

MUTANTS = [
    Mutant(
        "K20",
        "a_chunk_is_not_compared_with_its_hash",
        "node/snapshot.py",
        "    if len(data) != info.size or sha256(data).digest() != info.hash:",
        "    if len(data) != info.size:",
        (f"{STATE}::test_one_altered_byte_of_any_chunk_is_not_what_the_manifest_names",),
    ),
    Mutant(
        "K20",
        "the_slots_are_not_compared_with_the_header",
        "node/snapshot_check.py",
        "        if list_root(slots) != header.participants_root:",
        "        if len(slots) != len(openings):",
        (f"{STATE}::test_openings_that_do_not_lead_to_the_slots_are_refused",),
    ),
    Mutant(
        "K20",
        "the_public_trees_are_not_compared_with_the_header",
        "node/snapshot_check.py",
        "        if roots[ASSETS] != header.assets_root or roots[GOVERNANCE] != header.governance_root:",
        "        if not roots[GOVERNANCE]:",
        (LIES, f"{STATE}::test_who_alters_a_public_record_is_found_by_its_root"),
    ),
    Mutant(
        "L14",
        "the_references_are_not_compared_with_their_leaves",
        "node/snapshot_check.py",
        "        if self._used != self._due:",
        "        if len(self._used) > len(self._due) + 1_000:",
        (LIES,),
    ),
    Mutant(
        "L14",
        "the_running_hash_leaves_out_the_height",
        "node/snapshot_check.py",
        "ref_id, tx_id, height))",
        "ref_id, tx_id, height[:0]))",
        (f"{STATE}::test_a_node_that_begins_at_a_snapshot_has_the_same_state_and_goes_on",),
    ),
    Mutant(
        "K20",
        "keys_need_not_ascend",
        "node/snapshot_check.py",
        "            if key <= last or len(value) > longest:",
        "            if len(value) > longest:",
        (LIES,),
    ),
    Mutant(
        "L12",
        "the_sums_over_the_whole_state_are_not_checked",
        "node/snapshot_check.py",
        "            self._sums.check()\n",
        "            list_root(slots)\n",
        (f"{STATE}::test_sums_that_do_not_hold_are_refused_even_with_roots_that_fit",),
    ),
    Mutant(
        "K20",
        "the_finalization_of_a_snapshot_is_not_verified",
        "node/snapshot_fetch.py",
        "    if not is_final(core_certificate(manifest.certificate), block_id, epoch=header.epoch, keys=key_set(sets[-1]), chain=chain):",
        "    if core_certificate(manifest.certificate).subject.block_id != block_id:",
        (f"{STATE}::test_a_manifest_counts_only_with_the_finalization_of_its_header",),
    ),
    Mutant(
        "K20",
        "a_chunk_is_kept_whatever_it_is",
        "node/snapshot_fetch.py",
        "        if len(data) != chunk.size or sha256(data).digest() != chunk.hash:",
        "        if not data:",
        (f"{NETWORK}::test_an_altered_chunk_is_refused_and_another_node_asked",),
    ),
    Mutant(
        "K20",
        "what_arrived_is_fetched_again",
        "node/snapshot_fetch.py",
        "        if await asyncio.to_thread(incoming.has, chunk):",
        "        if index < 0:",
        (f"{NETWORK}::test_what_arrived_is_not_asked_for_again",),
    ),
    Mutant(
        "K20",
        "a_pin_outlives_a_second_commit",
        "node/store.py",
        "        if self._pin is not None and self._pin.commits:",
        "        if self._pin is not None and self._pin.commits > 100:",
        (f"{STATE}::test_a_snapshot_is_of_one_height_while_blocks_go_on",),
    ),
    Mutant(
        "K20",
        "snapshots_are_served_to_anybody",
        "node/snapshot_serve.py",
        "        if link is None:\n            return web.Response(status=401",
        "        if link is None and request.path == '':\n            return web.Response(status=401",
        (f"{NETWORK}::test_without_a_token_nothing_is_served",),
    ),
    Mutant(
        "K20",
        "the_store_is_not_held_at_the_end_of_an_epoch",
        "node/snapshot_keeper.py",
        "        if newest.boundary:\n            self._chain.store.held = True\n",
        "",
        (f"{KEEPER}::test_at_the_end_of_an_epoch_it_is_of_that_very_height",),
    ),
    Mutant(
        "K23",
        "the_next_set_is_not_compared_with_the_header",
        "node/epochchain.py",
        "    if header.next != set_hash(epoch + 1, link.validators):",
        "    if not link.validators:",
        (f"{EPOCHS}::test_k23_links_out_of_place_prove_nothing",),
    ),
    Mutant(
        "K23",
        "the_end_of_an_epoch_need_not_be_final",
        "node/epochchain.py",
        "        and check_certificate(certificate, keys, ChainId(chain), verify)",
        "        and len(keys.keys) > 0",
        (f"{EPOCHS}::test_k23_a_certificate_counts_by_the_set_of_its_epoch_only",),
    ),
    Mutant(
        "K23",
        "a_notarization_counts_as_final",
        "node/epochchain.py",
        "        subject.kind is Kind.FINALIZE\n        and subject.block_id",
        "        subject.kind is not Kind.NULLIFY\n        and subject.block_id",
        (f"{EPOCHS}::test_k23_a_notarization_of_the_last_block_proves_nothing",),
    ),
    Mutant(
        "K15",
        "a_whole_memory_is_replaced",
        "node/recover.py",
        '    raise NothingLost(f"journal and mark in',
        '    return str(f"journal and mark in',
        (f"{RECOVER}::test_k15_a_whole_memory_is_not_replaced",),
    ),
    Mutant(
        "K15",
        "the_journal_is_moved_before_the_key",
        "node/recover.py",
        "    for path in (Path(config.consensus_key), data / MARK_FILE, data / JOURNAL_FOLDER):",
        "    for path in (data / JOURNAL_FOLDER, data / MARK_FILE, Path(config.consensus_key)):",
        (f"{RECOVER}::test_k15_a_crash_on_the_way_never_lets_the_old_key_vote",),
    ),
    Mutant(
        "K15",
        "a_restore_does_not_mind_what_is_there",
        "node/restore.py",
        "        if left:\n            raise DataNotEmpty",
        "        if len(left) > 99:\n            raise DataNotEmpty",
        (f"{BACKUP}::test_a_backup_goes_into_an_empty_folder_of_its_own_chain_only",),
    ),
    Mutant(
        "K20",
        "a_backup_is_not_compared_with_its_index",
        "node/restore.py",
        "            if digest_of(self._folder / each.name) != (each.bytes, each.sha256):",
        "            if not each.sha256:",
        (f"{BACKUP}::test_every_altered_missing_or_added_file_is_found",),
    ),
    Mutant(
        "K20",
        "the_state_of_a_backup_is_not_proven",
        "node/restore.py",
        "        check.finish(backup.header, backup.manifest.openings)\n",
        "",
        (f"{BACKUP}::test_an_index_altered_with_the_files_proves_nothing",),
    ),
]
