use crate::auth::tests::harness::check;

#[test]
fn an_alarm_is_there_until_it_is_cleared() {
    // Corner cases 169, 170: whatever its member.
    check(
        "
        - | alarms                                       |
        - | alarm clear nospace 7                        | none
        - | alarm raise nospace 7                        | ok
        - | alarm raise nospace 7                        | ok
        - | alarm raise corrupt 18446744073709551615     | ok
        - | alarm raise nospace 0                        | ok
        - | alarms | NoSpace:0 NoSpace:7 Corrupt:18446744073709551615
        - | alarm clear corrupt 7                        | none
        - | alarm clear nospace 7                        | ok
        - | put a                                        | corrupt cluster
        - | alarm clear corrupt 18446744073709551615     | ok
        - | put a                                        | database space exceeded
        - | alarm clear nospace 0                        | ok
        - | put a                                        | ok
        - | alarms                                       |
        ",
    );
}

#[test]
fn without_space_nothing_is_taken() {
    // Corner case 168.
    check(
        "
        - | put a                        | ok
        - | put b                        | ok
        - | lease-grant 1                | ok
        - | lease-grant 2                | ok
        - | alarm raise nospace 7        | ok
        - | put a                        | database space exceeded
        - | put new keep                 | database space exceeded
        - | lease-grant 3                | database space exceeded
        - | txn put:a                    | database space exceeded
        - | txn ?a else put:a            | database space exceeded
        - | txn put:a else get:a         | database space exceeded
        - | txn else [ [ put:c ] else [ ] ] | database space exceeded
        - | txn [ else [ else put:c ] ]  | database space exceeded
        - | txn                          | ok
        - | txn ?a get:a del:b else del:a | ok
        - | txn [ get:a else del:b ]     | ok
        - | del a                        | ok
        - | compact 2                    | ok
        - | lease-renew 1                | ok
        - | lease-expire 1               | ok
        - | lease-revoke 2               | ok
        - | attributes                   | ok
        - | version                      | ok
        - | user-add al x                | ok 2
        - | alarm raise nospace 8        | ok
        ",
    );
}

#[test]
fn what_differs_is_not_changed() {
    // Corner case 171.
    check(
        "
        - | put a                    | ok
        - | lease-grant 1            | ok
        - | alarm raise nospace 7    | ok
        - | alarm raise corrupt 7    | ok
        - | put a                    | corrupt cluster
        - | del a                    | corrupt cluster
        - | txn                      | corrupt cluster
        - | txn put:a                | corrupt cluster
        - | compact 2                | corrupt cluster
        - | lease-grant 2            | corrupt cluster
        - | lease-revoke 1           | corrupt cluster
        - | lease-expire 1           | corrupt cluster
        - | lease-renew 1            | ok
        - | attributes               | ok
        - | version                  | ok
        - | user-add al x            | ok 2
        - | alarm clear corrupt 7    | ok
        - | put a                    | database space exceeded
        ",
    );
}

#[test]
fn alarms_come_before_permissions() {
    check(
        "
        - | user-add root x          | ok 2
        - | user-grant root root     | ok 3
        - | enable                   | ok 3
        root | alarm raise nospace 1 | ok
        - | put a                    | database space exceeded
        - | del a                    | user name is empty
        root | alarm raise corrupt 1 | ok
        - | del a                    | corrupt cluster
        - | compact 1                | corrupt cluster
        - | alarm clear corrupt 1    | user name is empty
        root | alarm clear corrupt 1 | ok
        ",
    );
}
