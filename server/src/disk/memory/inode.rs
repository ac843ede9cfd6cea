//! The content of a file: as it is read, and as it would be after a power failure.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Dice;

/// What a power failure leaves whole.
const SECTOR_BYTES: u64 = 512;

#[derive(Default)]
pub(super) struct Inode {
    /// What reads see.
    pub(super) cached: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Changes that are not durable, with their ordinals.
    pub(super) unsynced: Vec<(u64, Change)>,
}

pub(super) enum Change {
    Write(u64, Bytes),
    Truncate(u64),
}

impl Change {
    pub(super) fn apply_to(&self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => content.resize(*len as usize, 0),
            Self::Write(offset, data) => {
                let (start, end) = (*offset as usize, *offset as usize + data.len());
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(data);
            }
        }
    }
}

impl Inode {
    pub(super) fn crash(&mut self, dice: &mut Dice) {
        let unsynced = std::mem::take(&mut self.unsynced);
        match dice(3) {
            0 => {}
            1 => unsynced
                .iter()
                .for_each(|(_, change)| change.apply_to(&mut self.durable)),
            _ => self.keep_some(unsynced, dice),
        }
        self.cached = self.durable.clone();
    }

    /// Each sector keeps a prefix of its own writes; nothing survives a lost truncation.
    fn keep_some(&mut self, unsynced: Vec<(u64, Change)>, dice: &mut Dice) {
        let mut lost = BTreeSet::new();
        for (_, change) in unsynced {
            let Change::Write(offset, data) = change else {
                if dice(2) == 0 {
                    return;
                }
                change.apply_to(&mut self.durable);
                continue;
            };
            let mut position = 0;
            while position < data.len() {
                let absolute = offset + position as u64;
                let sector = absolute / SECTOR_BYTES;
                let in_sector = ((sector + 1) * SECTOR_BYTES - absolute) as usize;
                let end = data.len().min(position + in_sector);
                if !lost.contains(&sector) && dice(2) == 0 {
                    Change::Write(absolute, data.slice(position..end)).apply_to(&mut self.durable);
                } else {
                    lost.insert(sector);
                }
                position = end;
            }
        }
    }
}
