"""Every interleaving of a small scope: four validators, one of them a liar, view 1 and the first proposal of view 2.

The honest validators are the production `Replica`. The liar leads no view, view 1 or view 2; it proposes two blocks on every parent (both
sound, or one that breaks a rule, or one that names a wrong view as its parent's), casts every vote for all of them, and gives everything to
whom it likes when it likes. Messages are lost, come again, come in any order; a block is had, judged and built at any later time; the timer
of a view runs out at any point.

What is merged, why that loses nothing, and how that is checked (`--check`, `tests/simulation/test_exhaustive.py`):

1. *Who sends what when.* A message can be delivered from the moment its votes are cast, and for ever: a lost one is one that is not yet
   delivered. So the network needs no state of its own: it is the set of votes cast, which only grows.
2. *Votes on their way to a certificate.* A vote is read, besides being counted, in two cases only. The leader's nullify makes a validator
   give up: so does its timer, which may run out at any point. The leader's notarize fixes which proposal of its view is looked at: that
   only forbids what a validator may do without it. So votes come either as a certificate, at once, or one after the other until they
   are one, both ways at any time from which they can exist. Checked: view 1 with every vote alone, in any order, comes to the same.
3. *Verdicts that come to nothing, refused builds, proposals of no form.* They end in own nullify, as the timer does, or in a delay.
4. *Retry, status, fetching of certificates, ranges.* They carry nothing that 1 does not deliver anyway. Times are not looked at: the clock
   stands still, blocks are in time. Checked, for verdicts, builds, retries and ranges: with all of them the same comes about.
5. *Unseen fields* (`local.UNSEEN`, `form_of_view`): what no event in here reads. Checked twice: from every state that is reached by other
   objects all steps are made again, from the last of these, and must lead to the same states; and with every field counted, down to who
   signed a certificate, all states of a validator act as those that are kept (`finer.Exact`).
6. *States of one validator* are merged where no sequence of events whatever tells them apart in what is cast (`merge.py`): exact, in any
   environment.
7. *Symmetry.* Two honest validators are exchanged for each other only if 6 found their first states to be one: same behaviour in every
   environment, so leaders are never exchanged for others.
8. *Order between validators.* What a validator takes in without casting anything is seen by nobody, stays possible later, and is made just
   before its next cast (`search.py`). So a global step is one cast, with all that must come before it, in every order. Checked, with 6 and
   7: view 1 with every state, step and validator on its own comes to the same.

"The same" is: the same votes can have been cast by the honest validators together, in all their combinations.

Not in the scope: a second epoch, and views beyond the second. Losses of power are in a scope of their own (`power.py`, `--power`): any
validator, at any moment, any number of times; in view 1, and up to view 2 where nobody leads who lies.

The search can fail: two liars fork it (`--two-liars`), and each planted fault of the tests is found.
"""
