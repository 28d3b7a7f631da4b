//! What can be wrong with a symbol file.

/// A graph that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SymbolError {
    /// Not JSON, or not a graph. The message gives line and column.
    #[error("symbol file is not a graph in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An index that points nowhere, or forward.
    #[error("symbol file: {field} of {owner} is {found}, expected less than {limit}")]
    Index {
        /// What holds the index: a node, or a list of the graph.
        owner: String,
        /// The field.
        field: &'static str,
        /// The index.
        found: usize,
        /// One more than the highest index allowed.
        limit: usize,
    },
    /// The numbers of outputs do not describe the nodes.
    #[error(
        "symbol file: node_row_ptr has {found} entries or is not rising from 0, expected {expected} entries"
    )]
    RowPointers {
        /// Entries found.
        found: usize,
        /// One more than there are nodes.
        expected: usize,
    },
}
