//! Ids that follow from the configuration, as etcd derives them: every member of a static cluster
//! computes the same ones without talking to the others (contract api.md §9.2).

use sha1::{Digest, Sha1};

use crate::url::Url;

/// The id of a member of a static cluster: SHA-1 over its peer URLs, sorted and joined without a
/// separator, and then the cluster's token; the first eight bytes, big-endian.
pub fn member_id(peer_urls: &[Url], cluster_token: &str) -> u64 {
    let mut urls: Vec<&str> = peer_urls.iter().map(Url::as_str).collect();
    urls.sort_unstable();
    let mut hash = Sha1::new();
    for url in urls {
        hash.update(url);
    }
    hash.update(cluster_token);
    first_eight_bytes(hash)
}

/// The id of a static cluster: SHA-1 over its members' ids, ascending, each as eight bytes,
/// big-endian; again the first eight bytes.
pub fn cluster_id(member_ids: impl IntoIterator<Item = u64>) -> u64 {
    let mut ids: Vec<u64> = member_ids.into_iter().collect();
    ids.sort_unstable();
    let mut hash = Sha1::new();
    for id in ids {
        hash.update(id.to_be_bytes());
    }
    first_eight_bytes(hash)
}

fn first_eight_bytes(hash: Sha1) -> u64 {
    let digest = hash.finalize();
    let (head, _) = digest
        .split_first_chunk()
        .expect("a SHA-1 digest has 20 bytes");
    u64::from_be_bytes(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(texts: &[&str]) -> Vec<Url> {
        texts.iter().map(|text| Url::parse(text).unwrap()).collect()
    }

    // The expected ids are what etcd 3.5.30 reported when it was started with these URLs.

    #[test]
    fn a_single_member_with_etcds_defaults() {
        let id = member_id(&urls(&["http://localhost:2380"]), "etcd-cluster");
        assert_eq!(id, 0x8e9e_05c5_2164_694d);
        assert_eq!(cluster_id([id]), 0xcdf8_1819_4e3a_8c32);
    }

    #[test]
    fn a_single_member_on_a_port_of_its_own() {
        let id = member_id(&urls(&["http://127.0.0.1:33380"]), "etcd-cluster");
        assert_eq!(id, 0x5c76_a90a_e78b_cee7);
        assert_eq!(cluster_id([id]), 0x536f_0188_ef20_75ac);
    }

    #[test]
    fn two_peer_urls_in_any_order_and_another_token() {
        let expected = 0x2196_adc8_e3db_5a19;
        for order in [
            ["http://127.0.0.1:33380", "http://127.0.0.1:33381"],
            ["http://127.0.0.1:33381", "http://127.0.0.1:33380"],
        ] {
            assert_eq!(member_id(&urls(&order), "tok-2"), expected);
        }
        assert_eq!(cluster_id([expected]), 0x1a49_c6de_bcc0_1b39);
    }

    #[test]
    fn three_members() {
        let member = |port: u16| {
            let url = format!("http://127.0.0.1:{port}");
            member_id(&urls(&[&url]), "etcd-cluster-1")
        };
        let ids = [member(12380), member(22380), member(32380)];
        assert_eq!(
            ids,
            [
                0x8211_f1d0_f64f_3269,
                0x91bc_3c39_8fb3_c146,
                0xfd42_2379_fda5_0e48
            ]
        );
        let reversed = [ids[2], ids[1], ids[0]];
        assert_eq!(cluster_id(ids), 0xef37_ad9d_c622_a7c4);
        assert_eq!(cluster_id(reversed), cluster_id(ids));
    }
}
