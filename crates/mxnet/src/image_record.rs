//! One image in a record: header, labels, encoded bytes (MXNet's `recordio.py` `pack` and `image_recordio.h`).
//!
//! The header is `flag` u32, `label` f32, `id` u64, `id2` u64. Flag 0 means that the label is the header's own;
//! otherwise `flag` f32 labels follow and the header's label is zero. The rest is the image file's bytes.

/// Bytes before the labels or the image.
pub const HEADER_BYTES: usize = 24;

/// A labelled image, borrowed from its record.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRecord<'a> {
    /// 0 for a single label in the header, otherwise the number of labels after it.
    pub flag: u32,
    /// The labels: exactly one when `flag` is 0, otherwise `flag` of them.
    pub label: Vec<f32>,
    /// The index the image had in its list.
    pub id: u64,
    /// Unused by MXNet, zero.
    pub id2: u64,
    /// The encoded image (JPEG, PNG, ...), not looked at here.
    pub image: &'a [u8],
}

/// A record too short to be an image record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Shorter than the header.
    #[error("image record has {found} bytes, its header alone has {HEADER_BYTES}")]
    Header {
        /// Bytes of the record.
        found: usize,
    },
    /// Shorter than its labels.
    #[error("image record says {flag} labels ({expected} bytes) but {found} bytes follow its header")]
    Labels {
        /// The number of labels the header promises.
        flag: u32,
        /// Bytes after the header.
        found: usize,
        /// Bytes the labels need.
        expected: u64,
    },
}

impl<'a> ImageRecord<'a> {
    /// An image with one label, kept in the header.
    pub fn single(label: f32, id: u64, image: &'a [u8]) -> Self {
        Self { flag: 0, label: vec![label], id, id2: 0, image }
    }

    /// An image with a vector of labels. As in MXNet an empty vector becomes the single label 0.
    pub fn vector(label: Vec<f32>, id: u64, image: &'a [u8]) -> Self {
        if label.is_empty() {
            return Self::single(0.0, id, image);
        }
        Self { flag: u32::try_from(label.len()).unwrap_or(u32::MAX), label, id, id2: 0, image }
    }

    /// Reads a record's payload.
    ///
    /// # Errors
    /// When the payload is shorter than its header or its labels.
    pub fn parse(payload: &'a [u8]) -> Result<Self, HeaderError> {
        let header = || HeaderError::Header { found: payload.len() };
        let (flag, rest) = payload.split_first_chunk().ok_or_else(header)?;
        let (label, rest) = rest.split_first_chunk().ok_or_else(header)?;
        let (id, rest) = rest.split_first_chunk().ok_or_else(header)?;
        let (id2, rest) = rest.split_first_chunk().ok_or_else(header)?;
        let (flag, id, id2) = (u32::from_le_bytes(*flag), u64::from_le_bytes(*id), u64::from_le_bytes(*id2));
        if flag == 0 {
            return Ok(Self { flag, label: vec![f32::from_le_bytes(*label)], id, id2, image: rest });
        }
        let (labels, image) = usize::try_from(4 * u64::from(flag))
            .ok()
            .and_then(|bytes| rest.split_at_checked(bytes))
            .ok_or(HeaderError::Labels { flag, found: rest.len(), expected: 4 * u64::from(flag) })?;
        let (labels, _) = labels.as_chunks::<4>();
        let label = labels.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Self { flag, label, id, id2, image })
    }

    /// The record's payload. The labels go into the header when `flag` is 0 and there is at most one, after it
    /// otherwise; what is written as flag follows from the number of labels, so that it cannot contradict them.
    pub fn encode(&self) -> Vec<u8> {
        let (flag, label, labels) = match (self.flag, self.label.as_slice()) {
            (_, []) => (0, 0.0, &[][..]),
            (0, [label]) => (0, *label, &[][..]),
            (_, labels) => (labels.len() as u32, 0.0, labels),
        };
        let mut payload = Vec::with_capacity(HEADER_BYTES + 4 * labels.len() + self.image.len());
        payload.extend_from_slice(&flag.to_le_bytes());
        payload.extend_from_slice(&f32::to_le_bytes(label));
        payload.extend_from_slice(&self.id.to_le_bytes());
        payload.extend_from_slice(&self.id2.to_le_bytes());
        payload.extend(labels.iter().flat_map(|label| label.to_le_bytes()));
        payload.extend_from_slice(self.image);
        payload
    }
}
