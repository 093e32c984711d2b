//! Trees whose leaves lie on a device: what `call_on_device` takes and gives.
//!
//! Must not live here: the tensors themselves ([`DeviceTensor`]).

use std::ops::Deref;

use choral_compiler::tree::{Event, Path, Typed, Walk, add_leaves, rebuild};
use choral_compiler::{Leaf, Tree};
use choral_ir::{Tensor, TensorType};
use choral_runtime::{Device, DeviceInput, DeviceTensor};

use crate::error::{CompilerError, Error};

/// A leaf that lies on a device: a [`DeviceTensor`] in a structure of arguments or results.
#[derive(Debug, Clone)]
pub struct OnDevice(DeviceTensor);

/// The same structure with every tensor brought to a device.
pub(crate) fn put<A: Tree<Tensor>>(device: Device, args: &A) -> Result<A::With<OnDevice>, Error> {
    let mut tensors = Vec::new();
    add_leaves(args, &mut tensors);
    let there = tensors.iter().map(|tensor| Ok(OnDevice(device.put(tensor)?)));
    let there = there.collect::<Result<Vec<_>, Error>>()?;
    rebuild(args, &there)
        .ok_or_else(|| CompilerError::Message("a tree that changes as it is walked".to_owned()).into())
}

impl From<DeviceTensor> for OnDevice {
    fn from(tensor: DeviceTensor) -> OnDevice {
        OnDevice(tensor)
    }
}

impl From<OnDevice> for DeviceTensor {
    fn from(leaf: OnDevice) -> DeviceTensor {
        leaf.0
    }
}

impl From<OnDevice> for DeviceInput {
    fn from(leaf: OnDevice) -> DeviceInput {
        leaf.0.into()
    }
}

impl Deref for OnDevice {
    type Target = DeviceTensor;

    fn deref(&self) -> &DeviceTensor {
        &self.0
    }
}

impl Typed for OnDevice {
    fn tensor_type(&self) -> TensorType {
        self.ty().clone()
    }

    fn see_type(&self, look: &mut dyn FnMut(&TensorType)) {
        look(self.ty());
    }
}

impl Leaf for OnDevice {}

impl Tree<OnDevice> for OnDevice {
    type With<U: Leaf> = U;

    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &OnDevice) -> U) -> U {
        leaf(at.path(), self)
    }

    fn visit(&self, visit: &mut dyn FnMut(Event<'_, OnDevice>)) {
        visit(Event::Leaf(self));
    }

    fn set_training(&mut self, _: bool) {}
}

impl Tree<OnDevice> for DeviceTensor {
    type With<U: Leaf> = U;

    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &OnDevice) -> U) -> U {
        leaf(at.path(), &OnDevice(self.clone()))
    }

    fn visit(&self, visit: &mut dyn FnMut(Event<'_, OnDevice>)) {
        visit(Event::Leaf(&OnDevice(self.clone())));
    }

    fn set_training(&mut self, _: bool) {}
}
