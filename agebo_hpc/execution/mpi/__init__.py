"""Evaluations on the ranks of one MPI job: a manager and worker groups.

Before anything is searched
    `start` initialises MPI, after `preflight` has looked at shared memory. Each rank says of
    itself what `rank_info` has; `world` makes of it the communicators, the worker groups and this
    rank's place. `handshake` lets all begin together, or none; `group_report` tells a person how
    they were formed. `protocol` has every message on one page, `inbox` and `outbox` carry them.
An evaluation
    `executor` gives it a block of slots and sends a start to its members. `worker` is what each
    member does with it, on a communicator of the members from `communicators`.

A rank's death is handled in this folder alone, in this order:

1. `control_thread` of each trainer rank sends a heartbeat while the rank trains.
2. `heartbeats` says at the manager which ranks have been silent for too long.
3. `failure_detector` asks `heartbeats`, and MPI by `ulfm`, who died. It ends a rank that hangs, by
   its `agebo_hpc.processes.process_id`, if need be through another rank of its host.
4. `executor` takes the dead rank's slot out of the placement, gives back as lost what the rank
   took part in, and holds the slots of the group. Where the job cannot survive it raises
   `agebo_hpc.errors.RankDiedError` when those results have been collected.
5. `recovery` calls the other members of the broken evaluation until all have left it, then
   orders all that are left of the group to repair it. Who does not answer is ended, see 3.
6. `worker` answers the call when its part of the broken evaluation is over: for `evaluate` the
   death is an `AbandonedError`, and `communicators` has revoked what the members shared.
7. `control_thread` repairs the group's communicator by `communicators`, while the other
   evaluations of the group go on, and says so to `failure_detector`.
8. `executor` frees the slots that are left; `agebo_hpc.execution.driver` starts the lost
   evaluation again, unless it was lost three times, and has nothing proposed that is too large for
   the groups that are left.
9. `shutdown` lets those that are left leave together at the end; where the manager itself has
   died, it ends a rank that hears of that.

Without a manager: `rank_group` has all ranks train one network, `first_rank` lets one rank do a
command's work.
"""
