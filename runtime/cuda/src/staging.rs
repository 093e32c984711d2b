//! Copies between the host and a GPU, through memory of the host that the GPU reads and writes by itself.
//!
//! Such memory is scarce and takes long to make: two pieces for each line, as large as its copies need, up to a bound. While
//! the GPU copies one, the host fills or empties the other. Must not live here: what waits for a copy.

use std::sync::Arc;

use cudarc::driver::sys::{CUdeviceptr, CUevent_flags};
use cudarc::driver::{CudaEvent, CudaStream, DriverError, PinnedHostSlice, result};

/// The most that is copied at once.
const LARGEST: usize = 4 << 20;

/// The least that is worth memory of its own.
const SMALLEST: usize = 4 << 10;

/// Two pieces of the host's memory, in turns.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    pieces: [Option<Piece>; 2],
    /// How many copies there were.
    turn: usize,
}

#[derive(Debug)]
struct Piece {
    memory: PinnedHostSlice<u8>,
    /// Recorded behind the last copy.
    copied: CudaEvent,
}

impl Staging {
    /// Copies bytes to a place, which has room for them. They may be changed when it returns.
    pub(crate) fn write(
        &mut self,
        stream: &Arc<CudaStream>,
        place: CUdeviceptr,
        bytes: &[u8],
    ) -> Result<(), DriverError> {
        for (number, part) in bytes.chunks(LARGEST).enumerate() {
            let (_, piece) = self.next(stream, part.len())?;
            piece.copied.synchronize()?;
            let staged = &mut piece.memory.as_mut_slice()?[..part.len()];
            staged.copy_from_slice(part);
            let to = place + (number * LARGEST) as u64;
            stream.context().bind_to_thread()?;
            // SAFETY: the place has room; the piece is not written before the event behind the copy.
            unsafe { result::memcpy_htod_async(to, &*staged, stream.cu_stream()) }?;
            piece.copied.record(stream)?;
        }
        Ok(())
    }

    /// Copies bytes from a place that has as many, when what the stream does before is done.
    pub(crate) fn read(
        &mut self,
        stream: &Arc<CudaStream>,
        place: CUdeviceptr,
        bytes: &mut [u8],
    ) -> Result<(), DriverError> {
        let mut before: Option<(usize, &mut [u8])> = None;
        for (number, part) in bytes.chunks_mut(LARGEST).enumerate() {
            let (turn, piece) = self.next(stream, part.len())?;
            let staged = &mut piece.memory.as_mut_slice()?[..part.len()];
            let from = place + (number * LARGEST) as u64;
            stream.context().bind_to_thread()?;
            // SAFETY: the place has as many bytes; the piece is not read before the event behind the copy, and what was
            // copied from it before is copied by the same stream.
            unsafe { result::memcpy_dtoh_async(staged, from, stream.cu_stream()) }?;
            piece.copied.record(stream)?;
            if let Some((turn, part)) = before.replace((turn, part)) {
                self.take(turn, part)?;
            }
        }
        before.map_or(Ok(()), |(turn, part)| self.take(turn, part))
    }

    /// Takes what a copy has brought.
    fn take(&mut self, turn: usize, part: &mut [u8]) -> Result<(), DriverError> {
        let Some(piece) = &self.pieces[turn % 2] else { return Ok(()) };
        piece.copied.synchronize()?;
        part.copy_from_slice(&piece.memory.as_slice()?[..part.len()]);
        Ok(())
    }

    /// The piece whose turn it is, with room for so many bytes.
    fn next(&mut self, stream: &Arc<CudaStream>, bytes: usize) -> Result<(usize, &mut Piece), DriverError> {
        self.turn = self.turn.wrapping_add(1);
        let place = &mut self.pieces[self.turn % 2];
        let old = place.take().filter(|piece| piece.memory.len() >= bytes);
        let piece = match old {
            Some(piece) => piece,
            None => Piece::new(stream, bytes.next_power_of_two().clamp(SMALLEST, LARGEST))?,
        };
        Ok((self.turn, place.insert(piece)))
    }
}

impl Piece {
    fn new(stream: &Arc<CudaStream>, bytes: usize) -> Result<Piece, DriverError> {
        let context = stream.context();
        // SAFETY: it is bytes, and read only where a copy has written.
        let mut memory = unsafe { context.alloc_pinned_with_flags::<u8>(bytes, 0) }?;
        memory.as_mut_slice()?.fill(0);
        let copied = context.new_event(Some(CUevent_flags::CU_EVENT_BLOCKING_SYNC))?;
        Ok(Piece { memory, copied })
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // The GPU may still read or write it.
        let _ = self.copied.synchronize();
    }
}
