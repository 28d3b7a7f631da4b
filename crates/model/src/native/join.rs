//! What layers hand to layers: a tensor, where the gradients of its two users meet, and how it is computed again.
//!
//! burn adds two gradients of a tensor as they come, in a pass of its own that also turns channels-last into another layout.
//! Of two users that know of each other, the one that is reached first on the way back leaves its gradient here, and the other
//! adds it to its own while it is written. The order is that of burn's tape, the same in each run.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Flex;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::norm::Recipe;
use super::values::ChannelsLast;

/// The meeting point of exactly two users, both on the way to the loss.
#[derive(Clone, Debug, Default)]
pub(crate) struct Join(Arc<Mutex<Option<FlexTensor>>>);

/// What a layer takes: a tensor, where its gradient meets another's, and how it is computed again.
#[derive(Clone, Debug)]
pub struct Branch {
    pub(crate) tensor: Tensor<4>,
    pub(crate) join: Option<Join>,
    pub(crate) recipe: Option<Recipe>,
}

impl From<Tensor<4>> for Branch {
    fn from(tensor: Tensor<4>) -> Self {
        Branch { tensor, join: None, recipe: None }
    }
}

impl From<Branch> for Tensor<4> {
    fn from(branch: Branch) -> Self {
        branch.tensor
    }
}

/// A tensor for exactly two users, both of which must contribute to the loss.
pub fn fork(from: impl Into<Branch>) -> [Branch; 2] {
    let branch = Branch { join: Some(Join::default()), ..from.into() };
    [branch.clone(), branch]
}

/// What the other user left, if it was here.
pub(super) fn other(join: Option<&Join>) -> Option<ChannelsLast> {
    let left = join?.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    left.map(ChannelsLast::of)
}

/// Hands on a gradient that is written already: to the other user if that is still to come, else both to burn.
pub(super) fn share(grads: &mut Gradients, id: NodeId, join: Option<&Join>, gradient: FlexTensor) {
    match other(join) {
        Some(other) => {
            grads.register::<Flex>(id, other.into_tensor());
            grads.register::<Flex>(id, gradient);
        }
        None => register(grads, id, join, false, gradient),
    }
}

/// Hands a gradient on: to burn, or to the other user if that is still to come. `is_whole` says that the other's is in it.
pub(super) fn register(
    grads: &mut Gradients,
    id: NodeId,
    join: Option<&Join>,
    is_whole: bool,
    gradient: FlexTensor,
) {
    match join {
        Some(join) if !is_whole => {
            *join.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
        }
        _ => grads.register::<Flex>(id, gradient),
    }
}
