//! Operands of products that are packed ahead.
//!
//! Inputs and constants are packed when a plan first runs on them and kept as long as they are the same; what stays the
//! same through the rounds of a loop is packed before it. Must not live here: the order in which they are packed
//! (`choral_kernels`).

use choral_ir::{DType, TensorType};
use choral_kernels::arena::LINE;
use choral_kernels::cpu::program::{bytes_once_packed, packed_bytes};
use choral_kernels::kernel::Repeat;
use choral_kernels::product::Operand;
use choral_kernels::{Kernel, Pack, Product};

use super::build::{Building, Given};
use super::{AskedPack, Home, KeptPack, Plan, Runnable};
use crate::memory::Label;
use crate::setting::Setting;

/// How an operand of a product in strips is packed: for so many strips, that begin so many bytes after one another.
pub(super) fn packed_strips(
    product: &Product,
    operand: Operand,
    (count, moved): (usize, isize),
    setting: &Setting,
) -> Option<Repeat> {
    let bytes = bytes_once_packed(product, operand, setting.level(), setting.threads())?;
    Some(Repeat { count, steps: [moved, bytes.next_multiple_of(LINE) as isize] })
}

impl Building<'_> {
    /// The operand of a product that is packed ahead, if one is, and the buffer that it is packed in: of two, the larger.
    pub(super) fn packed(
        &mut self,
        label: Label,
        product: &Product,
        buffers: [usize; 2],
    ) -> Option<(Operand, usize)> {
        let stays = |buffer: usize| match self.buffers[buffer].home {
            Home::Constant(_) => self.boundary.is_none(),
            Home::Input(at) => {
                self.boundary.as_ref().is_none_or(|boundary| boundary.kinds[at] == Given::Constant)
            }
            Home::Arena(_) | Home::Output | Home::Held | Home::Packed(_) => false,
        };
        let bytes = |operand| self.packed_bytes(product, operand);
        let candidates = [Operand::Lhs, Operand::Rhs].into_iter().zip(buffers);
        let candidates = candidates.filter(|&(_, buffer)| stays(buffer));
        let candidates = candidates.filter_map(|(operand, buffer)| Some((bytes(operand)?, operand, buffer)));
        let (_, operand, buffer) = candidates.max_by_key(|&(bytes, ..)| bytes)?;
        Some((operand, self.pack(label, product, operand, (buffer, Repeat::ONCE))?))
    }

    fn packed_bytes(&self, product: &Product, operand: Operand) -> Option<usize> {
        let is_packed = !self.setting.is_for_another_device();
        is_packed.then(|| packed_bytes(product, operand, self.setting.level(), self.setting.threads()))?
    }

    /// A buffer with an operand of a product, packed: kept, asked of whoever runs this body, or packed by a kernel here.
    pub(super) fn pack(
        &mut self,
        label: Label,
        product: &Product,
        operand: Operand,
        (from, strips): (usize, Repeat),
    ) -> Option<usize> {
        let bytes = match strips {
            Repeat::ONCE => self.packed_bytes(product, operand)?,
            Repeat { count, steps } => count * steps[1] as usize,
        };
        let home = self.buffers[from].home;
        let name = format!("{} packed", self.buffers[from].name);
        let to = self.add(TensorType::new([bytes], DType::Ui8), Home::Arena(0));
        self.buffers[to].name = name;
        let kernel = Kernel::Pack(Pack { product: product.clone(), operand, from, to, strips });
        match (home, &self.boundary) {
            (Home::Input(_) | Home::Constant(_), None) => {
                let runnable = Runnable::of(kernel, &self.setting).ok()?;
                self.buffers[to].home = Home::Packed(self.packs.len());
                self.packs.push(KeptPack { home, runnable, buffer: to, bytes });
            }
            (Home::Input(input), Some(boundary)) if boundary.kinds[input] == Given::Constant => {
                self.buffers[to].home = Home::Input(self.inputs.len());
                self.inputs.push(to);
                self.asked.push(AskedPack { product: product.clone(), operand, input, strips });
            }
            _ => self.kernel(label, kernel).ok()?,
        }
        Some(to)
    }

    /// Packs what a body asks for; the buffers, in its order. `inputs` are those of its inputs that stay the same.
    pub(super) fn packs_of(
        &mut self,
        label: &Label,
        body: &Plan,
        input: impl Fn(usize) -> Option<usize>,
    ) -> Vec<usize> {
        let pack = |AskedPack { product, operand, input: at, strips }: &AskedPack| {
            self.pack(label.clone(), product, *operand, (input(*at)?, *strips))
        };
        body.asked.iter().filter_map(pack).collect()
    }
}
