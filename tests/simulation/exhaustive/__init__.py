"""Every interleaving of a small scope: four validators, one of them a liar, view 1 and the first proposal of view 2.

The honest validators are the production `Replica`. The liar leads no view, view 1 or view 2; it proposes two blocks on every parent (both
valid, or one that breaks a rule), casts every vote for all of them, and gives everything to whom it likes when it likes. Messages are lost,
come again, come in any order; a block is had, judged and built at any later time; the timer of a view runs out at any point.

What is merged, and why that loses nothing:

1. *Who sends what when.* A message can be delivered from the moment its votes are cast, and for ever: a lost one is one that is not yet
   delivered. So the network needs no state of its own: it is the set of votes cast, which only grows.
2. *Votes on their way to a certificate.* A vote is read, besides being counted, in two cases only. The leader's nullify makes a validator
   give up: so does its timer, which may run out at any point. The leader's notarize fixes which proposal of its view is looked at: that
   only forbids what a validator may do without it. So votes come either as a certificate, at once, or one after the other until they
   are one, both ways at any time from which they can exist.
3. *Proposals of unsound form, verdicts that fail, refused builds.* They end in own nullify, as the timer does, or in a delay.
4. *Retry, status, fetching of certificates.* They carry nothing that 1 does not deliver anyway. Times are not looked at: the clock stands
   still, blocks are in time.
5. *Unseen fields* (`local.UNSEEN`, `form_of_view`): what no event in here reads. This is checked, not only argued: of every state that is
   reached by a second object all steps are made again from it, and must lead to the same states.
6. *States of one validator* are merged where no sequence of events whatever tells them apart in what is cast (`merge.py`): exact, in any
   environment.
7. *Symmetry.* Two honest validators are exchanged for each other only if 6 found their first states to be one: same behaviour in every
   environment, so leaders are never exchanged for others.
8. *Order between validators.* What a validator takes in without casting anything is seen by nobody, stays possible later, and is made just
   before its next cast (`search.py`). So a global step is one cast, with all that must come before it, in every order.

`tests/simulation/test_exhaustive.py` compares this with a search that merges nothing, and sees planted faults found.
"""
