//! What is the administrators' business, what the cluster's own, and what everybody's.

use super::harness::{check, check_on};
use crate::StateMachine;

/// Authentication is on; `al` has the role `r`.
fn enabled() -> StateMachine {
    check(
        "
        - | user-add root x      | ok 2
        - | user-grant root root | ok 3
        - | role-add r           | ok 4
        - | user-add al x        | ok 5
        - | user-grant al r      | ok 6
        - | role-add s           | ok 7
        - | user-add bo x        | ok 8
        - | enable               | ok 8
        ",
    )
}

#[test]
fn only_root_changes_users_and_roles() {
    // Corner case 143: not even its own password.
    for request in [
        "enable",
        "disable",
        "user-add new x",
        "user-delete bo",
        "user-password al x",
        "user-grant al s",
        "user-revoke al r",
        "role-add new",
        "role-delete r",
        "role-grant r read a",
        "role-revoke r a",
        "compact 1",
        "alarm raise nospace 1",
        "alarm clear nospace 1",
        "admin",
    ] {
        let mut machine = enabled();
        for (author, answer) in [
            ("-", "user name is empty"),
            ("''", "user name is empty"),
            ("gone", "user name not found"),
            ("gone@1", "user name not found"),
            ("al", "permission denied"),
            ("al@1", "permission denied"),
        ] {
            check_on(&mut machine, &format!("{author} | {request} | {answer}"));
        }
    }
}

#[test]
fn root_does_with_any_token() {
    // Corner case 136: administrators need no new one after each change.
    check_on(
        &mut enabled(),
        "
        root@1 | user-add new x        | ok 9
        root@1 | role-grant r read a   | ok 10
        root@1 | put a                 | revision of auth store is old
        root@1 | compact 1             | ok
        root@1 | alarm raise nospace 7 | ok
        root@1 | alarm clear nospace 7 | ok
        root@1 | admin                 | ok
        root@1 | user-grant al root    | ok 11
        al@1 | user-delete new         | ok 12
        member | user-delete bo        | ok 13
        member | admin                 | ok
        root@1 | disable               | ok 14
        - | user-add new x             | ok 15
        ",
    );
}

#[test]
fn what_the_cluster_does_itself_nobody_else_does() {
    for request in ["lease-renew 1", "lease-expire 1", "attributes", "version"] {
        let mut machine = enabled();
        for (author, answer) in [
            ("-", "permission denied"),
            ("al", "permission denied"),
            ("root", "permission denied"),
            ("member", "ok"),
        ] {
            check_on(&mut machine, &format!("{author} | {request} | {answer}"));
        }
        check_on(&mut machine, "root | disable | ok 9");
        check_on(&mut machine, &format!("- | {request} | ok"));
    }
}

#[test]
fn a_password_counts_while_nothing_changes() {
    check_on(
        &mut enabled(),
        "
        member | authenticate al 8    | secret.9
        al     | authenticate al 8    | permission denied
        -      | authenticate al 8    | permission denied
        member | authenticate al 7    | revision of auth store is old
        member | authenticate al 9    | revision of auth store is old
        member | authenticate none 8  | authentication failed, invalid user ID or password
        root | user-password al other | ok 9
        member | authenticate al 8    | revision of auth store is old
        member | authenticate al 9    | secret.17
        root | disable                | ok 10
        member | authenticate al 10   | authentication is not enabled
        ",
    );
}

#[test]
fn a_token_is_enough_for_some() {
    check_on(
        &mut enabled(),
        "
        - | anyone             | user name is empty
        '' | anyone            | ok
        gone@1 | anyone        | ok
        member | anyone        | ok
        - | lease-grant 1      | user name is empty
        gone@1 | lease-grant 1 | ok
        ",
    );
}

#[test]
fn users_see_themselves_and_their_roles() {
    // Corner case 143.
    check_on(
        &mut enabled(),
        "
        al | see-user al     | ok
        al@1 | see-user al   | ok
        al | see-user bo     | permission denied
        al | see-user gone   | permission denied
        gone | see-user gone | ok
        gone | see-user al   | user name not found
        - | see-user al      | user name is empty
        - | see-user ''      | ok
        '' | see-user ''     | ok
        root | see-user al   | ok
        al | see-role r      | ok
        al | see-role s      | permission denied
        al | see-role none   | permission denied
        al | see-role root   | permission denied
        root | see-role r    | ok
        root | see-role none | ok
        gone | see-role r    | user name not found
        - | see-role r       | user name is empty
        root | disable       | ok 9
        - | see-user al      | ok
        - | see-role r       | ok
        - | admin            | ok
        - | anyone           | ok
        ",
    );
}
