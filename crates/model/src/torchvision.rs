//! The names that torchvision, and timm after it, give a ResNet's tensors.

/// Our name of a tensor without `arg:` or `aux:`, the last layer's too if `head` is what the graph calls it, to
/// torchvision's; `None` for the normalisation of the image, which is no part of its networks.
pub fn name(ours: &str, head: &str) -> Option<String> {
    if let Some(field) = ours.strip_prefix(head).and_then(|rest| rest.strip_prefix('_')) {
        return Some(format!("fc.{field}"));
    }
    let words: Vec<&str> = ours.split('_').collect();
    let number = |word: &str, noun: &str| word.strip_prefix(noun)?.parse::<usize>().ok();
    let (place, rest) = match words[..] {
        ["bn", "data", ..] => return None,
        [stage, unit, ref rest @ ..] if stage.starts_with("stage") => {
            // Units count from 1 in our names and from 0 in theirs.
            let (stage, unit) = (number(stage, "stage")?, number(unit, "unit")?.checked_sub(1)?);
            (format!("layer{stage}.{unit}."), rest)
        }
        ref rest => (String::new(), rest),
    };
    let (layer, field) = match *rest {
        ["sc", "bn", ref field @ ..] => ("downsample.1".to_owned(), field),
        ["sc", ref field @ ..] => ("downsample.0".to_owned(), field),
        [layer, ref field @ ..] if place.is_empty() => {
            // The stem's layers count from 0 in our names and from 1 in theirs.
            let stem = |noun| number(layer, noun).map(|number| format!("{noun}{}", number + 1));
            (stem("conv").or_else(|| stem("bn"))?, field)
        }
        [layer, ref field @ ..] => (layer.to_owned(), field),
        [] => return None,
    };
    let field = match *field {
        ["weight"] | ["gamma"] => "weight",
        ["beta"] => "bias",
        ["moving", "mean"] => "running_mean",
        ["moving", "var"] => "running_var",
        _ => return None,
    };
    Some(format!("{place}{layer}.{field}"))
}

/// The depth of the network whose tensors have these names.
pub fn depth(names: &[&str]) -> usize {
    let ending = |ending: &str| {
        names.iter().filter(|name| name.starts_with("layer") && name.ends_with(ending)).count()
    };
    let each = if ending(".conv3.weight") > 0 { 3 } else { 2 };
    2 + ending(".conv1.weight") * each
}

/// What a training in torch keeps beside the weights and no network needs.
pub fn is_bookkeeping(name: &str) -> bool {
    name.ends_with(".num_batches_tracked")
}

/// Whether a tensor is of the last layer.
pub fn is_head(name: &str) -> bool {
    matches!(name, "fc.weight" | "fc.bias")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_torchvisions() {
        for (ours, theirs) in [
            ("conv0_weight", Some("conv1.weight")),
            ("bn0_gamma", Some("bn1.weight")),
            ("bn0_moving_var", Some("bn1.running_var")),
            ("stage1_unit1_conv1_weight", Some("layer1.0.conv1.weight")),
            ("stage4_unit3_bn2_beta", Some("layer4.2.bn2.bias")),
            ("stage3_unit10_bn3_moving_mean", Some("layer3.9.bn3.running_mean")),
            ("stage2_unit1_sc_weight", Some("layer2.0.downsample.0.weight")),
            ("stage2_unit1_sc_bn_gamma", Some("layer2.0.downsample.1.weight")),
            ("newlayer_fc2_bias", Some("fc.bias")),
            ("newlayer_fc2_weight", Some("fc.weight")),
            ("bn_data_moving_mean", None),
            ("stage1", None),
            ("stage1_unit0_conv1_weight", None),
        ] {
            assert_eq!(name(ours, "newlayer_fc2").as_deref(), theirs, "{ours}");
        }
    }
}
