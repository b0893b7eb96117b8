"""What a network begins with, as the table of parameters in the specification says."""

from __future__ import annotations

DEFAULTS = {
    "lifetime_ms_max": 3_600_000,
    "legs_max": 1_000,
    "refs_per_participant_max": 1_000_000,
    "sweep_max": 500,
    "holds_per_account_max": 256,
    "hold_ms_max": 34_560_000_000,
    "return_days": 30,
    "proposals_open_max": 64,
    "proposal_ms_max": 2_592_000_000,
    "orders_per_subject_max": 32,
    "guardian_pause_ms_max": 86_400_000,
    "guardian_cooldown": 604_800_000,
    "participants_max": 1_024,
    "assets_max": 256,
    "observe_max_age_ms": 3_600_000,
    "epoch_length": 10_000,
    "recovery_delay_ms_min": 259_200_000,
    "heartbeat_ms": 5_000,
    "block_bytes_max": 1_048_576,
    "block_signatures_max": 4_000,
    "block_legs_max": 10_000,
}
