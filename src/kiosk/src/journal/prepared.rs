//! Entries on their way to the issuer.

use evidence::Hash;
use protocol::batch::{BatchError, Head, Leaf, write};

/// One leaf of a batch, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedLeaf {
    /// An entry's exact bytes.
    Entry(Vec<u8>),
    /// The leaf hash of an entry whose bytes are damaged.
    Damaged(Hash),
}

/// Entries under a signed checkpoint that covers exactly the log up to their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The index of the first leaf.
    pub start: u64,
    /// The signed checkpoint over `start + leaves.len()` entries.
    pub checkpoint: String,
    /// The leaves, in order. Empty where the issuer has receipted everything: such a batch asks for a receipt only.
    pub leaves: Vec<OwnedLeaf>,
    /// The size of the ledger's newest checkpoint that is held; 0 where none is.
    pub ledger_size: u64,
    /// That checkpoint as it is kept.
    pub ledger: Option<String>,
}

impl Prepared {
    /// The size of the log that the checkpoint covers.
    pub fn end(&self) -> u64 {
        let count = u64::try_from(self.leaves.len()).unwrap_or(u64::MAX);
        self.start.saturating_add(count)
    }

    /// The batch as it travels, before compression.
    ///
    /// # Errors
    /// As [`protocol::batch::write`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BatchError> {
        let head = Head {
            start: self.start,
            checkpoint: self.checkpoint.clone(),
            ledger_size: self.ledger_size,
            ledger: self.ledger.clone(),
        };
        let leaves: Vec<Leaf<'_>> = self
            .leaves
            .iter()
            .map(|leaf| match leaf {
                OwnedLeaf::Entry(bytes) => Leaf::Entry(bytes),
                OwnedLeaf::Damaged(hash) => Leaf::Damaged(*hash),
            })
            .collect();
        write(&head, &leaves)
    }
}
