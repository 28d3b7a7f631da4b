use safetensors::tensor::TensorView;

use super::*;
use crate::layout::Stem;

type Tensors = Vec<(String, Vec<usize>)>;

/// A v1.5 layout of `depth` for three classes.
fn layout(depth: u32) -> Layout {
    let layout = Layout::resnet(depth, [3, 64, 64], 3).unwrap().with_stem(Stem::Large);
    layout.with_architecture(Architecture::V15).unwrap()
}

/// Names and shapes of torchvision's network, with a head of 1000 classes.
fn tensors(depth: u32) -> Tensors {
    let layout = layout(depth);
    let mut tensors: Tensors = shapes(&ResNet::new(&layout, &Device::flex()), "fc1")
        .into_iter()
        .filter_map(|(_, name, shape)| Some((torchvision::name(&name, "fc1")?, shape)))
        .collect();
    for (name, shape) in &mut tensors {
        if torchvision::is_head(name) {
            shape[0] = 1000;
        }
    }
    tensors
}

/// A file in which tensors hold `value`, bytes of the type `dtype`, all along.
fn file(tensors: &Tensors, dtype: safetensors::Dtype, value: &[u8]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|(_, shape)| value.repeat(shape.iter().product())).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| (name.clone(), TensorView::new(dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn floats(tensors: &Tensors) -> Vec<u8> {
    file(tensors, safetensors::Dtype::F32, &0.5f32.to_le_bytes())
}

fn read(bytes: &[u8]) -> Result<Weights, ModelError> {
    Weights::read("resnet.safetensors".into(), bytes)
}

fn refused(tensors: &Tensors, depth: u32) -> String {
    let artifact = read(&floats(tensors)).and_then(|it| it.into_artifact(layout(depth), [3, 64, 64], 0));
    artifact.err().unwrap().to_string()
}

#[test]
fn tensors_of_every_float_type_are_taken_and_the_last_layer_is_new() {
    for (dtype, value) in [
        (safetensors::Dtype::F32, &0.5f32.to_le_bytes()[..]),
        (safetensors::Dtype::F16, &0x3800u16.to_le_bytes()),
        (safetensors::Dtype::BF16, &0x3f00u16.to_le_bytes()),
    ] {
        let weights = read(&file(&tensors(18), dtype, value)).unwrap();
        assert_eq!(weights.architecture(), Architecture::V15);
        let artifact = weights.into_artifact(layout(18), [3, 64, 64], 7).unwrap();
        artifact.check().unwrap();
        for (name, shape, values) in artifact.arrays() {
            match name {
                "arg:fc1_weight" => assert_eq!(shape, [3, 512]),
                "arg:fc1_bias" | "arg:bn_data_beta" => assert_eq!(values, [0.0; 3]),
                "arg:bn_data_gamma" => assert_eq!(values, [1.0; 3]),
                "aux:bn_data_moving_mean" => assert_eq!(values, [123.675, 116.28, 103.53]),
                "aux:bn_data_moving_var" => assert_eq!(values[0], 58.395f32 * 58.395),
                _ => assert!(values.iter().all(|&value| value == 0.5), "{name} in {dtype}"),
            }
        }
    }
}

#[test]
fn a_file_that_does_not_fit_is_refused_in_its_own_words() {
    assert!(refused(&tensors(34), 18).contains("those of a ResNet-34, num_layers is 18"));
    assert!(refused(&tensors(50), 101).contains("those of a ResNet-50, num_layers is 101"));
    let without: Tensors = tensors(18).into_iter().filter(|(name, _)| name != "layer3.1.bn2.bias").collect();
    assert!(refused(&without, 18).contains("has no array 'layer3.1.bn2.bias'"));
    let mut wide = tensors(50);
    wide.iter_mut().find(|(name, _)| name == "layer2.0.conv1.weight").unwrap().1[0] = 256;
    assert!(
        refused(&wide, 50)
            .contains("'layer2.0.conv1.weight' has shape [256, 256, 1, 1], the network needs [128"),
    );
    let mut more = tensors(18);
    more.push(("layer1.0.se.fc1.weight".into(), vec![4]));
    assert!(refused(&more, 18).contains("tensor 'layer1.0.se.fc1.weight' has no place"));
    let mxnets = vec![("conv0_weight".to_owned(), vec![4])];
    assert!(
        refused(&mxnets, 18)
            .contains("has no tensor 'conv1.weight', expected torchvision's names; it has conv0")
    );
}

#[test]
fn values_that_are_no_weights_are_refused() {
    let one = vec![("conv1.weight".to_owned(), vec![2, 2])];
    let message = |dtype, value: &[u8]| read(&file(&one, dtype, value)).err().unwrap().to_string();
    let told = message(safetensors::Dtype::I64, &1i64.to_le_bytes());
    assert!(told.contains("'conv1.weight' is I64, expected F32, F16 or BF16"), "{told}");
    let told = message(safetensors::Dtype::F32, &f32::NAN.to_le_bytes());
    assert!(told.contains("'conv1.weight' holds NaN, expected finite numbers"), "{told}");
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let whole = floats(&vec![("conv1.weight".to_owned(), vec![2, 3]), ("bn1.weight".to_owned(), vec![])]);
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} bytes");
    }
    for place in 0..whole.len() {
        for value in [0, 0x22, 0x39, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] = value;
            // Whatever it says; damage within a value goes unnoticed.
            let _ = read(&damaged);
        }
    }
    let mut promised = vec![0xff; 8];
    promised.extend(b"{}");
    assert!(read(&promised).is_err());
}
