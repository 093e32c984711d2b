//! Tensors that lie on a device, and what runs take: these, or tensors of the host.
//!
//! A copy between host and device is a call of the user's ([`Device::put`], [`DeviceTensor::to_tensor`]), not hidden in
//! [`Tensor`]. Must not live here: what runs on a device does.

use std::sync::Arc;

use choral_cuda::Memory;
use choral_ir::{Tensor, TensorError, TensorType};

use crate::device::Device;
use crate::error::Error;
use crate::gpu;

/// A tensor that lies on a device: a result that stays there, or what [`Device::put`] brought. Clones share it.
///
/// It goes into the next run without a trip. On [`Device::Cpu`] and [`Device::Reference`] it holds the host's tensor, so
/// that a program is the same on any device.
///
/// ```
/// use choral_ir::{Builder, DType, Tensor, TensorType, op::Binary};
/// use choral_runtime::{Device, Executable};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let sum = builder.binary(Binary::Add, x, x)?;
/// let device = Device::best();
/// let executable = Executable::compile(&builder.finish(&[sum]), device)?;
/// let mut results = vec![device.put(&Tensor::from([1.0f32, 2.0]))?];
/// for _ in 0..3 {
///     results = executable.run_on_device(results)?;
/// }
/// assert_eq!(results[0].to_tensor()?.as_slice::<f32>()?, [8.0, 16.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeviceTensor {
    ty: TensorType,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// In the memory of the host, which such a device runs in.
    Host(Device, Tensor),
    Gpu(Arc<Memory>),
}

/// What a run takes: a tensor of the host, which it brings to the device, or one that lies there.
#[derive(Debug, Clone)]
pub enum DeviceInput {
    /// A tensor of the host.
    Host(Tensor),
    /// A tensor of the device.
    Device(DeviceTensor),
}

impl DeviceTensor {
    /// A tensor on a device that runs in the host's memory.
    pub(crate) fn of_host(device: Device, tensor: Tensor) -> DeviceTensor {
        DeviceTensor { ty: tensor.ty().clone(), place: Place::Host(device, tensor) }
    }

    /// A tensor in the memory of a GPU.
    pub(crate) fn of_gpu(ty: TensorType, memory: Arc<Memory>) -> DeviceTensor {
        DeviceTensor { ty, place: Place::Gpu(memory) }
    }

    /// Element type and shape.
    pub fn ty(&self) -> &TensorType {
        &self.ty
    }

    /// The sizes of its dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.ty.shape
    }

    /// Where it lies.
    pub fn device(&self) -> Device {
        match &self.place {
            Place::Host(device, _) => *device,
            Place::Gpu(memory) => Device::Cuda(memory.ordinal()),
        }
    }

    /// Brings it to the host, when it is made.
    ///
    /// # Errors
    /// If what makes it fails, or if memory runs out.
    pub fn to_tensor(&self) -> Result<Tensor, Error> {
        match &self.place {
            Place::Host(_, tensor) => Ok(tensor.clone()),
            Place::Gpu(memory) => {
                let mut tensor = Tensor::try_zeros(self.ty.clone())?;
                gpu::read(memory, &mut tensor)?;
                Ok(tensor)
            }
        }
    }

    /// As [`DeviceTensor::to_tensor`], over a tensor of its type, without memory for another one if nobody else holds that.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// use choral_runtime::Device;
    /// let on_device = Device::best().put(&Tensor::from([1.0f32, 2.0]))?;
    /// let mut back = Tensor::from([0.0f32, 0.0]);
    /// on_device.read_into(&mut back)?;
    /// assert_eq!(back.as_slice::<f32>()?, [1.0, 2.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the tensor is of another type; as [`DeviceTensor::to_tensor`].
    pub fn read_into(&self, tensor: &mut Tensor) -> Result<(), Error> {
        if tensor.ty() != &self.ty {
            return Err(Error::ReadInto { expected: self.ty.clone(), got: tensor.ty().clone() });
        }
        match &self.place {
            Place::Gpu(memory) if tensor.storage_mut().is_some() => gpu::read(memory, tensor),
            Place::Host(..) | Place::Gpu(_) => {
                *tensor = self.to_tensor()?;
                Ok(())
            }
        }
    }

    /// The same elements in another shape, where they lie.
    ///
    /// # Errors
    /// If there are not as many.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<DeviceTensor, Error> {
        let ty = TensorType::new(shape, self.ty.dtype);
        if ty.len() != self.ty.len() {
            return Err(TensorError::Length { shape: ty.shape, got: self.ty.len() }.into());
        }
        let place = match &self.place {
            Place::Host(device, tensor) => Place::Host(*device, tensor.reshape(ty.shape.as_slice())?),
            Place::Gpu(memory) => Place::Gpu(memory.clone()),
        };
        Ok(DeviceTensor { ty, place })
    }

    /// The first slices along dimension 0, where they lie on a GPU; as it is if there are not more, or no dimension.
    ///
    /// # Errors
    /// If memory runs out.
    pub fn first(&self, count: usize) -> Result<DeviceTensor, Error> {
        let (place, ty) = match (&self.place, self.ty.shape.split_first()) {
            (Place::Gpu(memory), Some((&all, rest))) if all > count => {
                (Place::Gpu(memory.clone()), self.ty.with_shape([&[count], rest].concat()))
            }
            (Place::Host(device, tensor), Some((&all, _))) if all > count => {
                let first = tensor.take(&(0..count).collect::<Vec<_>>())?;
                let ty = first.ty().clone();
                (Place::Host(*device, first), ty)
            }
            _ => return Ok(self.clone()),
        };
        Ok(DeviceTensor { ty, place })
    }

    /// The host's tensor, of a device that runs in the host's memory.
    pub(crate) fn into_host(self) -> Option<Tensor> {
        match self.place {
            Place::Host(_, tensor) => Some(tensor),
            Place::Gpu(_) => None,
        }
    }

    /// The memory of a GPU that it lies in.
    pub(crate) fn memory(&self) -> Option<&Arc<Memory>> {
        match &self.place {
            Place::Host(..) => None,
            Place::Gpu(memory) => Some(memory),
        }
    }

    /// As [`DeviceTensor::memory`], as the one holder that this was.
    pub(crate) fn into_memory(self) -> Option<Arc<Memory>> {
        match self.place {
            Place::Host(..) => None,
            Place::Gpu(memory) => Some(memory),
        }
    }
}

impl Device {
    /// Brings a tensor to this device.
    ///
    /// # Errors
    /// If the device is not there, or has no memory for it.
    pub fn put(self, tensor: &Tensor) -> Result<DeviceTensor, Error> {
        match self {
            Device::Reference | Device::Cpu => Ok(DeviceTensor::of_host(self, tensor.clone())),
            Device::Cuda(ordinal) => {
                Ok(DeviceTensor::of_gpu(tensor.ty().clone(), gpu::put(ordinal, tensor)?))
            }
        }
    }
}

impl DeviceInput {
    /// Element type and shape.
    pub fn ty(&self) -> &TensorType {
        match self {
            DeviceInput::Host(tensor) => tensor.ty(),
            DeviceInput::Device(tensor) => tensor.ty(),
        }
    }
}

impl From<Tensor> for DeviceInput {
    fn from(tensor: Tensor) -> DeviceInput {
        DeviceInput::Host(tensor)
    }
}

impl From<&Tensor> for DeviceInput {
    fn from(tensor: &Tensor) -> DeviceInput {
        DeviceInput::Host(tensor.clone())
    }
}

impl From<DeviceTensor> for DeviceInput {
    fn from(tensor: DeviceTensor) -> DeviceInput {
        DeviceInput::Device(tensor)
    }
}

impl From<&DeviceTensor> for DeviceInput {
    fn from(tensor: &DeviceTensor) -> DeviceInput {
        DeviceInput::Device(tensor.clone())
    }
}
