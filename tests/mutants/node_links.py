"""Deliberate bugs of sending to other nodes, of noticing dead ones, of what is kept between blocks, and of the clock of CPU by stage."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

LINK = "node/link.py"
METRICS = "node/metrics.py"
STATE = "node/state.py"
PEERS = "tests/node/test_peers.py"
CLOCK = "tests/node/test_stage_clock.py"
FLOOD = (f"{PEERS}::test_a_full_queue_loses_the_oldest_votes_and_the_newest_bulk",)
KEPT = ("tests/node/test_chain_parameters.py",)
SAMPLE = (f"{CLOCK}::test_many_chunks_are_told_from_a_sample",)

INBOX = "node/inbox.py"
HANDED = ("tests/node/test_inbox.py::test_good_messages_of_validators_become_events",)
LATE = "tests/node/test_late_links.py"

RELAY = "node/relay.py"
RELAYED = "tests/node/test_relay.py::test_k10_"

MUTANTS = [
    Mutant(
        "K10",
        "the_finalization_is_not_passed_on",
        RELAY,
        " or (subject.view == final_view and subject.kind is Kind.FINALIZE)",
        "",
        (f"{RELAYED}a_finalization_stands_for_what_is_below_it",),
    ),
    Mutant(
        "K10",
        "what_is_above_the_final_view_is_not_passed_on",
        RELAY,
        "subject.view > final_view or ",
        "",
        (f"{RELAYED}what_came_in_a_moment_shares_a_frame",),
    ),
    Mutant(
        "K10",
        "certificates_are_passed_on_again_and_again",
        RELAY,
        "        waiting, self._waiting = self._waiting, []\n",
        "        waiting = self._waiting\n",
        (f"{RELAYED}each_is_passed_on_once",),
    ),
    Mutant(
        "M1",
        "who_comes_late_is_not_told_what_waits",
        INBOX,
        "            self._gossip.hand_over(link)\n",
        "",
        HANDED,
    ),
    Mutant(
        "M1",
        "a_node_that_follows_keeps_what_waits_when_a_validator_comes",
        "node/follow.py",
        "            self._gossip.hand_over(link)\n",
        "            link.follows = False\n",
        (f"{LATE}::test_what_came_before_the_links_is_handed_over_when_they_open",),
    ),
    Mutant(
        "K18",
        "a_late_leader_is_not_told_what_there_is_to_do",
        "node/voting.py",
        "partial(parts.gossip.hand_over, None)",
        "lambda: None",
        (f"{LATE}::test_k18_who_was_told_alone_tells_the_late_leader",),
    ),
    Mutant(
        "K18",
        "who_is_told_before_a_leader_is_late",
        "node/timers.py",
        "            self._half.cancel()\n",
        "",
        ("tests/node/test_driver.py::test_k18_half_of_a_leaders_time_is_told_unless_it_has_proposed",),
    ),
    Mutant(
        "M1",
        "a_frame_is_handed_over_without_a_limit_of_bytes",
        "node/mempool.py",
        "            bytes_max -= len(raw)\n",
        "",
        ("tests/node/test_mempool.py::test_m1_what_waits_longest_is_named_within_both_limits",),
    ),
    Mutant(
        "M1",
        "what_a_slow_peer_does_not_take_is_kept_by_the_socket_without_a_limit",
        LINK,
        "        self._behind, self._rest = True, _go_on(sending, awaited)\n        self._wake.set()\n",
        "        sending.close()\n",
        FLOOD,
    ),
    Mutant("M1", "frames_overtake_those_that_wait", LINK, "        if self._behind:\n", "        if self._rest is not None:\n", FLOOD),
    Mutant(
        "M1",
        "a_peer_that_has_caught_up_is_still_taken_for_slow",
        LINK,
        "                self._behind = False\n",
        "",
        FLOOD,
    ),
    Mutant(
        "M1",
        "a_vote_waits_for_the_writer",
        LINK,
        "        else:\n            self._write_now(data)\n",
        "        else:\n            self._behind = True\n            self._keep(data)\n            self._wake.set()\n",
        (f"{PEERS}::test_a_frame_is_written_by_the_call_that_sends_it",),
    ),
    Mutant(
        "M1",
        "a_ping_is_not_answered",
        LINK,
        "                await self._socket.pong(message.data)\n",
        "",
        (f"{PEERS}::test_who_asks_whether_a_node_is_there_is_answered",),
    ),
    Mutant(
        "M1",
        "an_answer_is_no_sign_of_life",
        LINK,
        "        return self._heard > asked\n",
        "        return False\n",
        (f"{PEERS}::test_silent_peers_stay_connected",),
    ),
    Mutant(
        "M1",
        "a_peer_that_does_not_answer_is_kept",
        LINK,
        "            elif not await self._answers():\n                await self.close()\n",
        "            else:\n                await self._answers()\n",
        (f"{PEERS}::test_a_peer_that_does_not_answer_is_given_up",),
    ),
    Mutant(
        "param.set",
        "parameters_of_an_unfinal_block_are_those_of_the_final_one",
        STATE,
        "        return load_parameters(self) if any(layer.sets_parameters for layer in self._layers) else self._base.parameters\n",
        "        return self._base.parameters\n",
        KEPT,
    ),
    Mutant(
        "param.set",
        "parameters_are_kept_though_a_final_block_changed_one",
        STATE,
        "        if layer.sets_parameters:\n            self._parameters = None\n",
        "",
        KEPT,
    ),
    Mutant(
        "style",
        "a_value_on_a_bound_is_counted_above_it",
        "node/tallies.py",
        "bisect_left(self._bounds, value)",
        "sum(bound <= value for bound in self._bounds)",
        ("tests/node/test_tallies.py",),
    ),
    Mutant(
        "style",
        "a_sampled_chunk_stands_for_itself_alone",
        METRICS,
        "        self.seconds += self._stands_for * (thread_time() - self._began)",
        "        self.seconds += thread_time() - self._began",
        SAMPLE,
    ),
    Mutant(
        "style",
        "every_sixteenth_chunk_is_measured_whoever_leads",
        METRICS,
        "self._stands_for = 1 + int(random() * SAMPLED_MAX)",
        "self._stands_for = SAMPLED_MAX",
        SAMPLE,
    ),
]
