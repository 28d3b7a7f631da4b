//! What the records of a pipe are.

use brazier_image::Format;
use brazier_mxnet::image_record::ImageRecord;

/// How samples lie in a stream of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A `.rec` file's: each record is a header with labels and an image.
    Labelled,
    /// An augmented manifest's: a record of an image's bytes, then one of the label's text.
    Pairs,
}

impl Framing {
    /// Recognised by the first record: the two kinds of stream have the same content type.
    pub(super) fn of(payload: &[u8]) -> Result<Self, String> {
        if Format::sniff(payload).is_ok() {
            return Ok(Self::Pairs);
        }
        match ImageRecord::parse(payload) {
            Ok(record) if Format::sniff(record.image).is_ok() => Ok(Self::Labelled),
            _ => {
                let first: Vec<String> = payload.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                Err(format!(
                    "the first record begins with {} and is neither a labelled image of a .rec file nor an image: \
                     expected AttributeNames to name the image before the label",
                    if first.is_empty() { "nothing".to_owned() } else { first.join(" ") }
                ))
            }
        }
    }
}
