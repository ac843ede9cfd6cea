//! What each change does, and when it is refused.

use super::harness::{check, check_on};

#[test]
fn it_takes_root_with_its_role_to_enable() {
    // Corner cases 120, 121, 124.
    check(
        "
        - | disable              | ok 1
        - | enable               | root user does not exist
        - | user-add root secret | ok 2
        - | enable               | root user does not have root role
        - | user-grant root root | ok 3
        - | enable               | ok 3
        - | status               | true 3
        - | enable               | user name is empty
        root   | enable          | ok 3
        root   | disable         | ok 4
        root   | disable         | ok 4
        nobody | put a           | ok
        - | status               | false 4
        ",
    );
}

#[test]
fn users() {
    check(
        "
        - | user-add '' secret      | user name is empty
        - | user-add al secret      | ok 2
        - | user-add al other       | user name already exists
        - | user-add cert           | ok 3
        - | user-add empty ''       | ok 4
        - | users                   | al cert empty
        - | user al                 |
        - | user cert               | no-password
        - | user nobody             | user name not found
        - | user-password nobody x  | user name not found
        - | user-password al other  | ok 5
        - | user-password cert x    | ok 6
        - | user cert               | no-password
        - | user-delete nobody      | user name not found
        - | user-delete ''          | user name not found
        - | user-delete al          | ok 7
        - | users                   | cert empty
        - | user-add al again       | ok 8
        ",
    );
}

#[test]
fn passwords() {
    check(
        "
        - | password root           | authentication is not enabled
        - | user-add root secret    | ok 2
        - | user-grant root root    | ok 3
        - | user-add al one         | ok 4
        - | user-add cert           | ok 5
        - | enable                  | ok 5
        - | password root           | secret
        - | password al             | one
        - | password nobody         | authentication failed, invalid user ID or password
        - | password cert           | authentication failed, password was given for no password user
        root | user-password al two | ok 6
        - | password al             | two
        root | user-password cert x | ok 7
        - | password cert           | authentication failed, password was given for no password user
        ",
    );
}

#[test]
fn roles_of_users() {
    // Corner cases 122, 123.
    check(
        "
        - | user-add al x             | ok 2
        - | user-grant nobody r       | user name not found
        - | user-grant al r           | role name not found
        - | user-grant al root        | ok 3
        - | role root                 | role name not found
        - | roles                     |
        - | role-add r                | ok 4
        - | role-add a                | ok 5
        - | user-grant al r           | ok 6
        - | user-grant al r           | ok 6
        - | user-grant al a           | ok 7
        - | user al                   | a r root
        - | user-revoke nobody r      | user name not found
        - | user-revoke al nothing    | role is not granted to the user
        - | user-revoke al r          | ok 8
        - | user-revoke al r          | role is not granted to the user
        - | user al                   | a root
        ",
    );
}

#[test]
fn roles() {
    check(
        "
        - | role-add ''          | role name is empty
        - | role-add r           | ok 2
        - | role-add r           | role name already exists
        - | role-delete nothing  | role name not found
        - | user-add al x        | ok 3
        - | user-add bo x        | ok 4
        - | role-add s           | ok 5
        - | user-grant al r      | ok 6
        - | user-grant al s      | ok 7
        - | user-grant bo r      | ok 8
        - | role-delete r        | ok 9
        - | roles                | s
        - | user al              | s
        - | user bo              |
        - | role-add r           | ok 10
        - | user bo              |
        - | user-grant al root   | ok 11
        - | role-delete root     | role name not found
        - | role-add root        | ok 12
        - | roles                | r root s
        - | role root            | ReadWrite:-
        - | role-grant root read a | ok 13
        - | role root            | ReadWrite:-
        - | role-delete root     | ok 14
        - | user al              | s
        ",
    );
}

#[test]
fn permissions() {
    // Corner case 142.
    check(
        "
        - | role-grant r read a       | role name not found
        - | role-revoke r a           | role name not found
        - | role r                    | role name not found
        - | role-add r                | ok 2
        - | role r                    |
        - | role-grant r read ''      | invalid auth management
        - | role-grant r read ''-c    | invalid auth management
        - | role-grant r read ''-     | invalid auth management
        - | role-grant r read b-a     | invalid auth management
        - | role-grant r read b-b     | invalid auth management
        - | role-grant r read m       | ok 3
        - | role-grant r write m-z    | ok 4
        - | role-grant r readwrite m- | ok 5
        - | role-grant r read a-      | ok 6
        - | role-grant r read m-n     | ok 7
        - | role r                    | Read:a- Read:m ReadWrite:m- Read:m-n Write:m-z
        - | role-grant r write m      | ok 8
        - | role-grant r write m      | ok 9
        - | role r                    | Read:a- Write:m ReadWrite:m- Read:m-n Write:m-z
        - | role-revoke r m-o         | permission is not granted to the role
        - | role-revoke r b           | permission is not granted to the role
        - | role-revoke r ''          | permission is not granted to the role
        - | role-revoke r m-          | ok 10
        - | role-revoke r m-          | permission is not granted to the role
        - | role-revoke r m           | ok 11
        - | role r                    | Read:a- Read:m-n Write:m-z
        ",
    );
}

#[test]
fn nobody_is_locked_out() {
    // Corner case 141.
    let locked = "
        - | user-add root x         | ok 2
        - | user-grant root root    | ok 3
        - | user-add al x           | ok 4
        - | user-grant al root      | ok 5
        - | enable                  | ok 5
        al | user-delete root       | invalid auth management
        al | user-revoke root root  | invalid auth management
        al | role-delete root       | invalid auth management
        al | user-revoke root other | role is not granted to the user
        al | role-add root          | ok 6
        al | role-delete root       | invalid auth management
        al | user-revoke al root    | ok 7
        al | user-revoke root root  | permission denied
        root | disable              | ok 8
        ";
    check_on(
        &mut check(locked),
        "
        - | role-delete root        | ok 9
        - | enable                  | root user does not have root role
        - | user-grant root root    | ok 10
        - | user-revoke root root   | ok 11
        ",
    );
    check_on(
        &mut check(locked),
        "
        - | user-delete root        | ok 9
        - | enable                  | root user does not exist
        ",
    );
}

#[test]
fn names_are_any_text() {
    check(
        "
        - | user-add Ω→\u{10ffff} x    | ok 2
        - | role-add -;\u{1}\\\"%/..   | ok 3
        - | user-grant Ω→\u{10ffff} -;\u{1}\\\"%/.. | ok 4
        - | user Ω→\u{10ffff}          | -;\u{1}\\\"%/..
        ",
    );
}
