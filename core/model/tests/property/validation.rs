//! The core lets in what the model lets in, and refuses the rest for the same reasons.

use proptest::prelude::*;
use quorate_core::{
    Valid,
    auth::AuthRequest,
    request::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest},
};
use quorate_model::{model::check, transitions::unchecked};

use crate::config;

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn ranges(request in unchecked::range()) {
        let expected = check::range(&request).map(|()| request.clone());
        prop_assert_eq!(Valid::<RangeRequest>::check(request).map(Valid::into_inner), expected);
    }

    #[test]
    fn puts(request in unchecked::put()) {
        let expected = check::put(&request).map(|()| request.clone());
        prop_assert_eq!(Valid::<PutRequest>::check(request).map(Valid::into_inner), expected);
    }

    #[test]
    fn deletes(request in unchecked::delete_range()) {
        let expected = check::delete_range(&request).map(|()| request.clone());
        let checked = Valid::<DeleteRangeRequest>::check(request);
        prop_assert_eq!(checked.map(Valid::into_inner), expected);
    }

    #[test]
    fn transactions(request in unchecked::txn(), max_ops in 0..8_usize) {
        let expected = check::txn(&request, max_ops).map(|()| request.clone());
        let checked = Valid::<TxnRequest>::check(request, max_ops);
        prop_assert_eq!(checked.map(Valid::into_inner), expected);
    }

    #[test]
    fn deep_transactions(request in unchecked::deep_txn(), max_ops in 40..60_usize) {
        let expected = check::txn(&request, max_ops).map(|()| request.clone());
        let checked = Valid::<TxnRequest>::check(request, max_ops);
        prop_assert_eq!(checked.map(Valid::into_inner), expected);
    }

    #[test]
    fn changes_of_the_auth_state(request in unchecked::auth()) {
        let expected = check::auth(&request).map(|()| request.clone());
        prop_assert_eq!(Valid::<AuthRequest>::check(request).map(Valid::into_inner), expected);
    }
}
