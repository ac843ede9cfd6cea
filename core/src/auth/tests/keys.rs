//! Which keys a user may read and write.

use super::harness::{check, check_on, range};
use crate::{
    StateMachine,
    auth::{Permission, PermissionKind, authorize::Rights, role::Role},
    kv::KeyRange,
};

/// Authentication is on; `al` has the role `r`, `bo` has no role.
fn enabled() -> StateMachine {
    check(
        "
        - | user-add root x      | ok 2
        - | user-grant root root | ok 3
        - | role-add r           | ok 4
        - | user-add al x        | ok 5
        - | user-grant al r      | ok 6
        - | user-add bo x        | ok 7
        - | enable               | ok 7
        ",
    )
}

#[test]
fn ranges_are_covered_by_all_permissions_together() {
    // Corner cases 130, 132.
    let mut machine = enabled();
    check_on(
        &mut machine,
        "
        root | role-grant r read c-e      | ok 8
        root | role-grant r readwrite a-c | ok 9
        root | role-grant r read x-       | ok 10
        root | role-grant r write p       | ok 11
        al | get a     | ok
        al | get a-e   | ok
        al | get b-d   | ok
        al | get a-f   | permission denied
        al | get '0'-b | permission denied
        al | get e     | permission denied
        al | get a-    | permission denied
        al | get x-    | ok
        al | get xx-z  | ok
        al | get w-    | permission denied
        al | get p     | permission denied
        al | watch a-e | ok
        al | watch a-f | permission denied
        al | put a     | ok
        al | put c     | permission denied
        al | put p     | ok
        al | put q     | permission denied
        al | del a-c   | ok
        al | del a-d   | permission denied
        al | del p     | ok
        al | del x     | permission denied
        bo | get a     | permission denied
        ",
    );
    check_on(
        &mut machine,
        "
        root | role-add s               | ok 12
        root | role-grant s readwrite e | ok 13
        root | user-grant al s          | ok 14
        al | get a-e                    | ok
        al | get e                      | ok
        al | get a-f                    | permission denied
        root | role-grant s read e-g    | ok 15
        al | get a-f                    | ok
        root | role-revoke r c-e        | ok 16
        al | get a-f                    | permission denied
        al | get a-c                    | ok
        root | role-delete s            | ok 17
        al | get e                      | permission denied
        ",
    );
}

#[test]
fn a_range_without_keys_counts_as_its_start() {
    check_on(
        &mut enabled(),
        "
        root | role-grant r readwrite b-d | ok 8
        al | get b-b                      | ok
        al | get c-a                      | ok
        al | get c-c                      | ok
        al | get d-a                      | permission denied
        al | get d-d                      | permission denied
        al | del c-b                      | ok
        al | del a-a                      | permission denied
        ",
    );
}

#[test]
fn a_watch_may_leave_the_first_key_out() {
    check_on(
        &mut enabled(),
        "
        root | role-grant r read \0-b | ok 8
        al | watch ''-b  | ok
        al | watch ''    | ok
        al | watch ''-c  | permission denied
        al | watch ''-   | permission denied
        al | get ''-b    | permission denied
        root | watch ''- | ok
        ",
    );
}

#[test]
fn what_a_write_gives_back_is_read() {
    // Corner case 131.
    check_on(
        &mut enabled(),
        "
        root | put w                  | ok
        root | role-grant r write w   | ok 8
        al | put w prev               | permission denied
        al | put w keep               | ok
        al | del w prev               | permission denied
        al | txn put:w:prev           | permission denied
        al | txn del:w:prev           | permission denied
        al | txn put:w                | ok
        root | role-grant r readwrite w | ok 9
        al | put w prev               | ok
        al | txn put:w:prev           | ok
        al | txn del:w:prev           | ok
        root | role-grant r read w    | ok 10
        al | put w prev               | permission denied
        al | del w prev               | permission denied
        ",
    );
}

#[test]
fn transactions_need_everything_they_name() {
    // Corner cases 37, 133.
    check_on(
        &mut enabled(),
        "
        root | role-grant r read r-s       | ok 8
        root | role-grant r write w-x      | ok 9
        al | txn ?r get:r1 put:w1 else del:w2 | ok
        al | txn ?w                        | permission denied
        al | txn get:w                     | permission denied
        al | txn put:r                     | permission denied
        al | txn del:r                     | permission denied
        al | txn del:w-z                   | permission denied
        al | txn ?r else get:q             | permission denied
        al | txn put:w else put:r          | permission denied
        al | txn put:w else del:r          | permission denied
        al | txn put:w [ ?r get:r else put:w9 ] | ok
        al | txn put:w [ ?w ]              | permission denied
        al | txn put:w else [ else [ put:r ] ] | permission denied
        al | txn                           | ok
        bo | txn                           | ok
        - | txn                            | ok
        - | txn [ else [ ] ]               | ok
        gone | txn                         | ok
        al@1 | txn                         | ok
        - | txn ?r                         | user name is empty
        - | txn put:w                      | user name is empty
        al@1 | txn get:r                   | revision of auth store is old
        al | read-txn ?r get:r1 else get:r2 | ok
        al | read-txn get:r1 else get:w    | permission denied
        - | read-txn                       | ok
        ",
    );
}

#[test]
fn a_lease_is_all_of_its_keys() {
    // Corner case 134.
    let mut machine = enabled();
    check_on(
        &mut machine,
        "
        - | lease-grant 1              | user name is empty
        - | all-leases                 | user name is empty
        bo | all-leases                | ok
        bo | lease-grant 1             | ok
        al | lease-grant 2             | ok
        root | role-grant r write a-c  | ok 8
        al | put a lease=1             | ok
        al | put b lease=1             | ok
        al | lease-keys 1 write        | ok
        al | lease-keys 1 read         | permission denied
        al | lease-keys 1 readwrite    | permission denied
        bo | lease-keys 1 write        | permission denied
        bo | lease-keys 2 write        | ok
        bo | lease-keys 3 write        | ok
        - | lease-keys 2 write         | user name is empty
        al | all-leases                | permission denied
        root | role-grant r readwrite a-c | ok 9
        al | lease-keys 1 readwrite    | ok
        al | all-leases                | ok
        - | all-leases                 | user name is empty
        root | put q lease=1           | ok
        al | put a lease=1             | permission denied
        al | put a lease=2             | ok
        al | txn put:a:lease=1         | permission denied
        al | txn else put:a:lease=1    | permission denied
        al | txn put:a:lease=2         | ok
        al | put a lease=9             | requested lease not found
        al | lease-keys 1 read         | permission denied
        al | lease-revoke 1            | permission denied
        al | all-leases                | permission denied
        root | all-leases              | ok
        al@1 | lease-revoke 1          | revision of auth store is old
        - | lease-revoke 1             | user name is empty
        - | lease-revoke 9             | user name is empty
        al | lease-revoke 2            | ok
        al | lease-revoke 9            | requested lease not found
        root | lease-revoke 1          | ok
        ",
    );
}

#[test]
fn each_key_of_a_lease_counts() {
    check_on(
        &mut enabled(),
        "
        root | lease-grant 1          | ok
        root | put a lease=1          | ok
        root | put b lease=1          | ok
        root | role-grant r write a-c | ok 8
        root | role-grant r read a    | ok 9
        al | lease-keys 1 write       | ok
        al | lease-keys 1 read        | permission denied
        al | lease-keys 1 readwrite   | permission denied
        root | role-grant r read b    | ok 10
        al | lease-keys 1 readwrite   | ok
        root | put c lease=1          | ok
        al | lease-keys 1 write       | permission denied
        root | role-grant r write d-  | ok 11
        root | put d lease=1          | ok
        al | lease-keys 1 write       | permission denied
        root | role-grant r write c   | ok 12
        al | lease-keys 1 write       | ok
        root | put e lease=1          | ok
        al | lease-revoke 1           | ok
        ",
    );
}

#[test]
fn the_author_is_looked_at_before_its_permissions() {
    // Corner cases 136, 145.
    check_on(
        &mut enabled(),
        "
        root | role-grant r readwrite a | ok 8
        - | get a         | user name is empty
        - | watch a       | user name is empty
        - | put a         | user name is empty
        - | del a         | user name is empty
        '' | get a        | permission denied
        al | put a        | ok
        al@7 | put a      | revision of auth store is old
        al@7 | get a      | revision of auth store is old
        al@7 | watch q    | revision of auth store is old
        gone@7 | get a    | revision of auth store is old
        gone | get a      | permission denied
        root@7 | get a    | revision of auth store is old
        al@9 | get a      | ok
        member | put a    | ok
        member | get a    | ok
        root | put zz     | ok
        root | user-delete al | ok 9
        al | get a        | permission denied
        ",
    );
}

#[test]
fn off_is_off() {
    let mut machine = enabled();
    check_on(
        &mut machine,
        "
        root | disable  | ok 8
        - | put a prev  | ok
        al@1 | get a-   | ok
        gone | txn put:a:prev | ok
        '' | watch b-a  | ok
        - | lease-grant 1 | ok
        - | all-leases  | ok
        - | lease-revoke 1 | ok
        ",
    );
}

/// Every role of up to three permissions out of a few, spread over two roles in every way,
/// against a count of keys: one key of each stretch between two bounds stands for all of it.
#[test]
fn coverage_agrees_with_counting_keys() {
    let ranges = [
        "a", "b", "c", "a-b", "a-c", "b-c", "c-d", "c-b", "a-", "b-", "c-",
    ]
    .map(range);
    let keys = ["a", "a\0", "b", "b\0", "c", "c\0", "d"];
    let permitted: Vec<&KeyRange> = ranges.iter().filter(|range| !range.is_empty()).collect();
    for picked in 0..permitted.len().pow(3) * 8 {
        let (choice, spread) = (picked / 8, picked % 8);
        let choice =
            (0..3).map(|place| permitted[choice / permitted.len().pow(place) % permitted.len()]);
        let mut roles = [Role::default(), Role::default()];
        let chosen: Vec<&KeyRange> = choice.collect();
        for (place, range) in chosen.iter().enumerate() {
            roles[spread >> place & 1].grant(Permission {
                kind: PermissionKind::Read,
                range: (*range).clone(),
            });
        }
        let rights = Rights::Granted(roles.iter().collect());
        for range in &ranges {
            let wanted = |key: &&&str| match range.is_empty() {
                true => range.start() == key.as_bytes(),
                false => range.contains(key.as_bytes()),
            };
            let covered = |key: &&str| chosen.iter().any(|range| range.contains(key.as_bytes()));
            let expected = keys.iter().filter(wanted).all(covered);
            let answer = rights.check(PermissionKind::Read, range);
            assert_eq!(answer.is_ok(), expected, "{range:?} in {chosen:?}");
            assert!(rights.check(PermissionKind::Write, range).is_err());
        }
    }
}
