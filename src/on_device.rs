//! Trees whose leaves lie on a device: what `call_on_device` takes and gives.
//!
//! Must not live here: the tensors themselves ([`DeviceTensor`]).

use std::ops::Deref;

use choral_compiler::tree::{Event, Path, Typed, Walk};
use choral_compiler::{Leaf, Tree};
use choral_ir::{Key, Tensor, TensorType};
use choral_runtime::{DeviceInput, DeviceTensor};

/// A result that stays on its device: a [`DeviceTensor`] as a leaf of the results' structure.
#[derive(Debug, Clone)]
pub struct OnDevice(DeviceTensor);

/// A leaf of arguments that lies anywhere: a [`Tensor`], which a call brings to the device, or what lies there.
#[derive(Debug, Clone)]
pub struct Anywhere(pub(crate) DeviceInput);

impl From<DeviceTensor> for OnDevice {
    fn from(tensor: DeviceTensor) -> OnDevice {
        OnDevice(tensor)
    }
}

impl From<OnDevice> for DeviceTensor {
    fn from(result: OnDevice) -> DeviceTensor {
        result.0
    }
}

impl Deref for OnDevice {
    type Target = DeviceTensor;

    fn deref(&self) -> &DeviceTensor {
        &self.0
    }
}

impl Typed for Anywhere {
    fn tensor_type(&self) -> TensorType {
        self.0.ty().clone()
    }
}

impl Leaf for OnDevice {}
impl Leaf for Anywhere {}

/// Makes types trees of one leaf.
macro_rules! one_leaf {
    ($($Type:ty, $Leaf:ty, $leaf:expr;)*) => {$(
        impl Tree<$Leaf> for $Type {
            type With<U: Leaf> = U;
            fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &$Leaf) -> U) -> U {
                leaf(at.path(), &$leaf(self))
            }
            fn visit(&self, visit: &mut dyn FnMut(Event<'_, $Leaf>)) {
                visit(Event::Leaf(&$leaf(self)));
            }
            fn set_training(&mut self, _: bool) {}
        }
    )*};
}
one_leaf! {
    OnDevice, OnDevice, OnDevice::clone;
    Anywhere, Anywhere, Anywhere::clone;
    Tensor, Anywhere, |tensor: &Tensor| Anywhere(tensor.into());
    Key, Anywhere, |key: &Key| Anywhere(Tensor::from(*key).into());
    DeviceTensor, Anywhere, |tensor: &DeviceTensor| Anywhere(tensor.into());
    OnDevice, Anywhere, |result: &OnDevice| Anywhere((&result.0).into());
}
