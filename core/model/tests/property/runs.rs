//! Whatever happens, the core and the model do not differ.

use proptest_state_machine::prop_state_machine;
use quorate_model::assertions::Run;

use crate::config;

prop_state_machine! {
    #![proptest_config(config(64))]

    #[test]
    fn the_core_does_as_the_model(sequential 100 => Run);
}
