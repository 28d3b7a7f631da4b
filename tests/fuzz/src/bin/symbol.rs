//! A graph is the same after it was written again, and its edges lead somewhere.
#![no_main]

use brazier_mxnet::symbol::Symbol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(symbol) = Symbol::parse(text) else { return };
    for node in &symbol.nodes {
        assert_eq!(symbol.inputs(node).count(), node.inputs.len());
    }
    assert!(symbol.heads.iter().all(|[node, ..]| symbol.node(*node).is_some()));
    assert_eq!(Symbol::parse(&symbol.to_json()).unwrap(), symbol);
});
