//! Lines of text in error messages.

/// Bytes of a line that a message shows.
const MOST: usize = 120;

/// The beginning of a line, whatever its bytes.
pub(crate) fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line.get(..MOST).unwrap_or(line)).trim_end().to_owned()
}
