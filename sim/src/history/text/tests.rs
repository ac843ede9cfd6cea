//! Every kind of record, in the form in which it is written.

use crate::history::History;

const EVERYTHING: &str = "\
0.000000000 cluster n1 n2 n3
0.000000000 n1 starts
0.000000001 n1 leads term=1
0.100000000 n2 clock ppm=-200000
0.150000000 n2 skips ms=7000
0.200000000 fault crash of n2 for 300 ms
1.000000000 op1 c1 n2 put k1 v1 lease=9 prev
1.000000000 op2 c1 n2 put k%201 %
1.000000000 op3 c2 n1 get [a,b) rev=4 limit=2 serializable
1.000000000 op4 c2 n1 get [%00,)
1.000000000 op5 c2 n1 delete k1 prev
1.000000000 op6 c1 n1 txn if mod(k1)=5 version(k1)>0 create(k)<9 lease(k)!=7 value(k)=v \
then put k1 v2 ; get k2 else delete [a,b)
1.000000000 op7 c1 n1 txn if then else
1.000000000 op8 c1 n1 compact 5
1.000000000 op9 c1 n1 grant -9 ttl=5
1.000000000 op10 c1 n1 revoke 9
1.000000000 op11 c1 n1 keepalive 9
1.000000000 op12 c1 n1 timetolive 9
1.000000000 op13 c1 n1 login u1 password=3
1.000000000 op14 c1 n1 login root password=4
1.000000000 op15 c1 n1 auth enable
1.000000000 op16 c1 n1 auth user-add u1 password=3
1.000000000 op17 c1 n1 auth user-passwd u1 password=5
1.000000000 op18 c1 n1 lock l lease=9
1.000000000 op19 c1 n1 unlock l/9
1.000000000 op20 c1 n1 campaign e lease=9 v
1.000000000 op21 c1 n1 proclaim e/9 created=7 lease=9 v2
1.000000000 op22 c1 n1 resign e/9 created=7 lease=9
1.000000000 op23 c1 n1 leader e
2.000000000 op1 ok @5 put was k1=v0@4/3/2/9
2.000000000 op2 ok @6 put
2.000000000 op3 ok @6 get count=3 more k1=v1@5/5/1/9 k2=v@6
2.000000000 op4 failed etcdserver: mvcc: required revision has been compacted
2.000000000 op5 ok @7 delete deleted=2 was k1=v1@5 k2=%@6
2.000000000 op6 ok @8 txn then put ; get count=0
2.000000000 op7 ok @8 txn else
2.000000000 op8 ok @8 compact
2.000000000 op9 ok @8 grant -9 ttl=5
2.000000000 op10 ok @8 revoke
2.000000000 op11 ok @8 keepalive ttl=0
2.000000000 op12 ok @8 timetolive ttl=-1 granted=0
2.000000000 op13 ok @8 login index=14
2.000000000 op14 ok @8 login
2.000000000 op15 ok @8 auth
2.000000000 op18 ok @8 lock l/9
2.000000000 op19 ok @8 unlock
2.000000000 op20 ok @8 campaign e/9 created=7
2.000000000 op21 ok @8 proclaim
2.000000000 op22 ok @8 resign
2.000000000 op23 ok @8 leader e/9=v@7/7/1/9
2.100000000 c1 token op13
2.100000000 c1 token none
2.100000000 c1 observes n2 e
2.100000000 c1 hears @8 e/9=v@7/7/1/9
2.100000000 c1 stops etcdserver: no leader
3.000000000 watch1 c1 n2 open [a,b) from=5 prev no_put no_delete
3.000000000 watch2 c1 n2 open k1
3.100000000 watch1 created @8
3.200000000 watch1 events @5 part put k1=v1@5 was k1=v0@4 ; delete k2@5
3.200000000 watch1 progress @9
3.200000000 watch1 compacted @8
3.200000000 watch2 broken
3.200000000 watch3 c1 n2 open k1
3.200000000 watch3 denied
3.300000000 log 12 term=2 @5 put k1=v1@5 was k1=v0@4 ; delete k2@5 ; grant 9 ttl=5
3.300000000 log 13 term=2 @5 renew 9 ; end 8
3.300000000 log 14 term=2 @5
3.300000000 auth 15 enable
3.300000000 auth 16 disable
3.300000000 auth 17 user-add u1
3.300000000 auth 18 user-delete u1
3.300000000 auth 19 user-passwd u1
3.300000000 auth 20 user-grant u1 r1
3.300000000 auth 21 user-revoke u1 r1
3.300000000 auth 22 role-add r1
3.300000000 auth 23 role-delete r1
3.300000000 auth 24 role-grant r1 readwrite [a,b)
3.300000000 auth 25 role-grant r1 read k1
3.300000000 auth 26 role-grant r1 write [%,)
3.300000000 auth 27 role-revoke r1 [a,b)
3.400000000 n1 applied 12 term=2 @5 hash=00000000000000ab
3.450000000 message1 n1>n3 append term=2 after=14 commit=14
3.450000000 message2 n1>n2 vote term=3
3.460000000 message1 arrived
3.470000000 watch4 c1 n2 open k1
3.470000000 watch4 cancelled etcdserver: no reason
3.480000000 disputed 12 answer: one and not the other
3.480000000 n2 differs 12 answer: one and not the other
3.480000000 n1 raft process=2 term=2 vote=n1 granted leads purged=4 committed=14 applied=12 1:6 2:14
3.480000000 n2 raft process=1 term=0 purged=0 committed=0 applied=0
3.490000000 n3 warns quorate_server::node there is no leader term=2
3.490000000 n3 errs openraft::storage it has failed
3.500000000 passed key-put-again times=3
3.500000000 quiet bound_ms=20000 lost n2 n3
3.600000000 n1 holds proposals now=0 most=4 limit=5000
3.600000000 n1 holds reads now=0 most=1
3.700000000 panic it gives up
";

#[test]
fn text_is_read_back_exactly() {
    let history: History = EVERYTHING.parse().unwrap();
    assert_eq!(history.to_string(), EVERYTHING);
    assert_eq!(history.to_string().parse::<History>().unwrap(), history);
}

#[test]
fn comments_and_short_times_are_read() {
    let history: History = "# why\n\n  1.5 n1 leads term=1\n2 n1 leads term=2"
        .parse()
        .unwrap();
    assert_eq!(history.records()[0].at_ns, 1_500_000_000);
    assert_eq!(history.end_ns(), 2_000_000_000);
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    for (text, reason) in [
        ("x n1 leads term=1", "no time"),
        ("1.0123456789 n1 leads term=1", "no time"),
        ("1 elephant", "no subject"),
        ("1 n1 leads", "the line ends"),
        ("1 n1 leads term=1 twice", "one word too many"),
        (
            "2 n1 leads term=1\n1 n1 leads term=2",
            "line 2: time goes back",
        ),
        ("1 op1 ok @5 put", "not open"),
        ("1 op1 c1 n1 get k\n1 op1 ok @5 put", "another kind"),
        ("1 op1 c1 n1 get k\n1 op1 c1 n1 get k", "invoked twice"),
        (
            "1 op1 c1 n1 txn if then get k rev=4 else",
            "inside a transaction",
        ),
        ("1 watch1 events @5", "watch1 is not open"),
        ("1 op1 c1 n1 put k a=b", "a value expected"),
        ("1 message1 n1-n2 append", "`n…>n…` expected"),
        ("1 message1 arrived", "message1 is not on its way"),
        ("1 message1 n1>n2 vote\n1 message1 n1>n2 vote", "sent twice"),
        (
            "1 n1 raft process=1 term=1 purged=0 committed=1 applied=1 1:5 2:5",
            "ends before it begins",
        ),
        ("1 n1 sleeps", "nothing that a member does"),
        (
            "1 log 1 term=1 @2 end 3 ; put k=v@2",
            "before changes of leases",
        ),
    ] {
        let error = text.parse::<History>().expect_err(text).to_string();
        assert!(error.contains(reason), "{text:?} gave {error:?}");
    }
}

#[test]
fn the_hash_tells_histories_apart() {
    let history = |text: &str| text.parse::<History>().unwrap().trace_hash();
    assert_eq!(history("1 n1 leads term=1"), history("1.0 n1 leads term=1"));
    assert_ne!(history("1 n1 leads term=1"), history("1 n1 leads term=2"));
}
