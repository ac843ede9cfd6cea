//! The workloads of the benchmark, by name, and the cells that each consists of.

use std::fmt;

use clap::ValueEnum;

use super::{crowd, steady::Steady};
use crate::Workload;

/// A name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Suite {
    /// Puts of random keys
    Put,
    /// Puts of new keys in ascending order
    PutSeq,
    /// Linearizable reads of single keys
    Range,
    /// Serializable reads of single keys
    RangeSer,
    /// Nine linearizable reads for each put
    Mixed,
    /// Compare-and-swap transactions
    Cas,
    /// Puts of 64 KiB
    Put64k,
    /// Grants of leases
    LeaseGrant,
    /// Keep-alives of leases
    LeaseKeepalive,
    /// A million keys: load, memory, disk, restart
    Million,
    /// Puts while a million keys are ranged, counted, compacted, or a checkpoint is written
    Meanwhile,
    /// Events of one put to 100 watchers: how late they are
    WatchFanOut,
    /// 100,000 watchers on few streams: memory, and puts of watched keys
    WatchMany,
    /// Watchers that do not read: memory, and what others notice
    WatchSilent,
    /// 10,000 idle connections: memory, and puts of another client
    Idle,
    /// A million keys in one answer: memory
    WideRead,
}

/// Everything on one member.
pub(super) const ALL: &[Suite] = &[
    Suite::Put,
    Suite::PutSeq,
    Suite::Range,
    Suite::RangeSer,
    Suite::Mixed,
    Suite::Cas,
    Suite::Put64k,
    Suite::LeaseGrant,
    Suite::LeaseKeepalive,
    Suite::Million,
    Suite::Meanwhile,
    Suite::WatchFanOut,
    Suite::WatchMany,
    Suite::WatchSilent,
    Suite::Idle,
    Suite::WideRead,
];

/// What is also measured on three.
pub(super) const ON_THREE: &[Suite] = &[Suite::Put, Suite::Range];

/// Numbers of clients.
const LADDER: &[usize] = &[1, 16, 64, 256, 1000];
const LADDER_ON_THREE: &[usize] = &[1, 64, 1000];

const VALUE_BYTES: usize = 256;
const BIG_VALUE_BYTES: usize = 64 << 10;

/// What is measured in one go on a fresh server.
pub(super) enum Cell {
    Steady(Steady),
    Million,
    Meanwhile,
    FanOut,
    Many,
    Silent,
    Idle,
    Wide,
}

impl Suite {
    /// Its cells, with these numbers of clients, or its own if there are none.
    pub(super) fn cells(self, members: usize, clients: &[usize]) -> Vec<Cell> {
        let ladder = if members == 1 {
            LADDER
        } else {
            LADDER_ON_THREE
        };
        let (workload, own_clients) = match self {
            Self::Million => return vec![Cell::Million],
            Self::Meanwhile => return vec![Cell::Meanwhile],
            Self::WatchFanOut => return vec![Cell::FanOut],
            Self::WatchMany => return vec![Cell::Many],
            Self::WatchSilent => return vec![Cell::Silent],
            Self::Idle => return vec![Cell::Idle],
            Self::WideRead => return vec![Cell::Wide],
            Self::Put => (Workload::Put, ladder),
            Self::PutSeq => (Workload::PutSeq, ladder),
            Self::Range => (Workload::Range, ladder),
            Self::RangeSer => (Workload::RangeSer, ladder),
            Self::Mixed => (Workload::Mixed, &[64, 1000][..]),
            Self::Cas => (Workload::Cas, &[64, 1000][..]),
            Self::Put64k => (Workload::Put, &[1, 16, 64][..]),
            Self::LeaseGrant => (Workload::LeaseGrant, &[64][..]),
            Self::LeaseKeepalive => (Workload::LeaseKeepalive, &[64, 1000][..]),
        };
        let clients = if clients.is_empty() {
            own_clients
        } else {
            clients
        };
        let cell = |clients: &usize| {
            Cell::Steady(Steady {
                name: self.name(),
                workload,
                clients: *clients,
                members,
                value_bytes: match self {
                    Self::Put64k => BIG_VALUE_BYTES,
                    _ => VALUE_BYTES,
                },
            })
        };
        clients.iter().map(cell).collect()
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steady(steady) => steady.fmt(f),
            Self::Million => f.write_str("million"),
            Self::Meanwhile => f.write_str("meanwhile"),
            Self::FanOut => f.write_str(crowd::FAN_OUT),
            Self::Many => f.write_str(crowd::MANY),
            Self::Silent => f.write_str(crowd::SILENT),
            Self::Idle => f.write_str(crowd::IDLE),
            Self::Wide => f.write_str("all keys in one answer"),
        }
    }
}
