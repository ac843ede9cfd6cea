//! What the peers' answers mean for a member that wants to take part.

/// What a peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) peer_id: u64,
    /// Of the peer's own directory.
    pub(super) instance: u64,
    /// Whether the peer takes part in a cluster.
    pub(super) is_member: bool,
    /// By which the peer, or its cluster, knows who asks; 0 where that cannot be told.
    pub(super) known_instance: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The cluster knows this member and its directory.
    LetIn,
    /// Everybody here is new, and a majority.
    Found,
    /// This peer knows another directory.
    Refused { peer_id: u64 },
    /// Ask again; why.
    Wait(&'static str),
}

/// Decides for a member with this instance that has so many peers.
pub(super) fn decide(
    instance: u64,
    peer_count: usize,
    may_found: bool,
    answers: &[Answer],
) -> Decision {
    let knows_another = |answer: &&Answer| ![0, instance].contains(&answer.known_instance);
    if let Some(Answer { peer_id, .. }) = answers.iter().find(knows_another) {
        return Decision::Refused { peer_id: *peer_id };
    }
    let mut members = answers.iter().filter(|answer| answer.is_member);
    if members
        .clone()
        .any(|member| member.known_instance == instance)
    {
        return Decision::LetIn;
    }
    if members.next().is_some() {
        return Decision::Wait("the cluster has no leader that could let it in");
    }
    // This one counts, too.
    let members_count = peer_count + 1;
    if answers.len() + 1 < members_count / 2 + 1 {
        return Decision::Wait("it needs a majority of the members of its cluster");
    }
    if !may_found {
        return Decision::Wait("no member of the existing cluster answers");
    }
    Decision::Found
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u64 = 7;

    fn answer(peer_id: u64, is_member: bool, known_instance: u64) -> Answer {
        Answer {
            peer_id,
            instance: 100 + peer_id,
            is_member,
            known_instance,
        }
    }

    #[test]
    fn a_majority_of_new_members_founds_the_cluster() {
        let new = |peer_id| answer(peer_id, false, OWN);
        assert_eq!(decide(OWN, 0, true, &[]), Decision::Found);
        assert_eq!(decide(OWN, 1, true, &[new(1)]), Decision::Found);
        assert_eq!(decide(OWN, 2, true, &[new(1)]), Decision::Found);
        assert_eq!(decide(OWN, 4, true, &[new(1), new(2)]), Decision::Found);
        for (peer_count, answers) in [(1, vec![]), (2, vec![]), (3, vec![new(1)])] {
            let decision = decide(OWN, peer_count, true, &answers);
            assert!(matches!(decision, Decision::Wait(_)), "{peer_count} peers");
        }
        let decision = decide(OWN, 2, false, &[new(1), new(2)]);
        assert!(matches!(decision, Decision::Wait(_)), "it is to join");
    }

    #[test]
    fn a_cluster_decides_for_itself() {
        let new = answer(1, false, OWN);
        let unsure = answer(2, true, 0);
        let decision = decide(OWN, 2, true, &[new, unsure]);
        assert!(matches!(decision, Decision::Wait(_)), "{decision:?}");
        for may_found in [true, false] {
            let sure = answer(2, true, OWN);
            assert_eq!(decide(OWN, 2, may_found, &[new, sure]), Decision::LetIn);
            assert_eq!(decide(OWN, 4, may_found, &[sure]), Decision::LetIn);
        }
    }

    #[test]
    fn one_that_knows_another_directory_is_enough() {
        for is_member in [true, false] {
            let answers = [answer(1, true, OWN), answer(2, is_member, 8)];
            let refused = Decision::Refused { peer_id: 2 };
            assert_eq!(decide(OWN, 2, true, &answers), refused);
        }
    }
}
