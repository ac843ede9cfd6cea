//! Which of several possible causes explains which effect.

use std::collections::BTreeMap;

/// Gives each effect a cause of its own out of its `candidates`. Without a solution: an effect
/// that has to go without. (Augmenting paths: a cause that is taken is passed on where its effect
/// can do with another one.)
pub(super) fn assign(candidates: &[Vec<usize>]) -> Result<BTreeMap<usize, usize>, usize> {
    let mut effect_of: BTreeMap<usize, usize> = BTreeMap::new();
    for effect in 0..candidates.len() {
        if !place(effect, candidates, &mut effect_of, &mut Vec::new()) {
            return Err(effect);
        }
    }
    Ok(effect_of
        .into_iter()
        .map(|(cause, effect)| (effect, cause))
        .collect())
}

/// Finds a cause for `effect`, moving other effects where needed; `tried` are causes that were
/// looked at on this search.
fn place(
    effect: usize,
    candidates: &[Vec<usize>],
    effect_of: &mut BTreeMap<usize, usize>,
    tried: &mut Vec<usize>,
) -> bool {
    for &cause in &candidates[effect] {
        if tried.contains(&cause) {
            continue;
        }
        tried.push(cause);
        let free = match effect_of.get(&cause).copied() {
            None => true,
            Some(other) => place(other, candidates, effect_of, tried),
        };
        if free {
            effect_of.insert(cause, effect);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::assign;

    #[test]
    fn a_cause_is_passed_on_where_that_helps() {
        let solution = assign(&[vec![7, 8], vec![7], vec![8, 9]]);
        assert_eq!(solution, Ok(BTreeMap::from([(0, 8), (1, 7), (2, 9)])));
    }

    #[test]
    fn an_effect_too_many_is_named() {
        assert_eq!(assign(&[vec![7], vec![7]]), Err(1));
        assert_eq!(assign(&[vec![]]), Err(0));
        assert_eq!(assign(&[]), Ok(BTreeMap::new()));
    }
}
