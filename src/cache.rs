//! What was made for one kind of arguments, and is found again without an allocation.
//!
//! Lives here: what two calls must share to use one program, and the map from that to what was made.
//! Must not live here: what is made.

use std::any::TypeId;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use choral_compiler::Tree;
use choral_compiler::tree::{Event, Place, Typed};
use choral_ir::TensorType;

thread_local! {
    /// The key of the last call, whose memory the next one takes.
    static LAST: Cell<String> = const { Cell::new(String::new()) };
}

/// A key that is written anew for each call; see [`Key::of`].
pub(crate) struct Key {
    text: String,
}

impl Key {
    /// What programs with results of type `O` are known by: the type of the arguments, and for each of
    /// their places its name, and the tensor's type or the setting's value.
    pub(crate) fn of<T, A, O>(args: &A) -> Key
    where
        T: Typed,
        A: Tree<T>,
        A::With<TensorType>: 'static,
        O: 'static,
    {
        // On a thread that ends there is no last key any more.
        let mut text = LAST.try_with(Cell::take).unwrap_or_default();
        text.clear();
        let mut key = Key { text };
        key.add(format_args!("{:?} {:?}", TypeId::of::<O>(), TypeId::of::<A::With<TensorType>>()));
        args.visit(&mut |event| match event {
            Event::Enter(Place::Index(index)) => key.add(format_args!("[{index}")),
            Event::Enter(Place::Field(field)) => key.add(format_args!(".{field}")),
            Event::Enter(Place::Key(name)) => key.add(format_args!("[{name:?}")),
            Event::Leave => key.add(format_args!("]")),
            Event::Leaf(leaf) => leaf.see_type(&mut |ty| key.add(format_args!(":{ty}"))),
            Event::Setting(value) => key.add(format_args!("={value:?}")),
        });
        key
    }

    /// Adds a part. Its length behind it keeps parts apart, whatever stands in them.
    pub(crate) fn add(&mut self, part: fmt::Arguments<'_>) {
        let start = self.text.len();
        // A string takes all that is written; a value whose text fails is known by what it wrote.
        let _ = self.text.write_fmt(part);
        let _ = write!(self.text, "#{} ", self.text.len() - start);
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        let text = std::mem::take(&mut self.text);
        let _ = LAST.try_with(|last| last.set(text));
    }
}

/// How much is kept unless a user says otherwise.
const BOUND: usize = 128;

/// What was made so far, by key: so much at most, what was asked for last.
pub(crate) struct Cache<V> {
    bound: usize,
    kept: Mutex<Kept<V>>,
}

struct Kept<V> {
    values: HashMap<Box<str>, Entry<V>>,
    /// How often anything was asked for, and how much was made.
    asked: u64,
    made: usize,
}

struct Entry<V> {
    value: V,
    /// When it was asked for last.
    asked: u64,
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Cache::of(BOUND)
    }
}

impl<V> Cache<V> {
    /// An empty cache for so much at most, and for one thing at least.
    pub(crate) fn of(bound: usize) -> Self {
        let kept = Kept { values: HashMap::new(), asked: 0, made: 0 };
        Cache { bound: bound.max(1), kept: Mutex::new(kept) }
    }

    /// An empty cache for as much.
    pub(crate) fn emptied<W>(&self) -> Cache<W> {
        Cache::of(self.bound)
    }

    /// The values; a thread that panicked while holding them left them whole.
    fn lock(&self) -> MutexGuard<'_, Kept<V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone> Cache<V> {
    /// What was made for the key.
    pub(crate) fn get(&self, key: &Key) -> Option<V> {
        let mut kept = self.lock();
        kept.asked += 1;
        let asked = kept.asked;
        let entry = kept.values.get_mut(key.text.as_str())?;
        entry.asked = asked;
        Some(entry.value.clone())
    }

    /// Keeps what was made for the key, in place of what was there; what nobody asked for longest makes room.
    pub(crate) fn insert(&self, key: &Key, value: V) {
        let mut kept = self.lock();
        kept.asked += 1;
        kept.made += 1;
        let entry = Entry { value, asked: kept.asked };
        kept.values.insert(key.text.as_str().into(), entry);
        while kept.values.len() > self.bound {
            let oldest = kept.values.iter().min_by_key(|(_, entry)| entry.asked).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            kept.values.remove(&oldest);
        }
    }

    /// All that is kept.
    pub(crate) fn values(&self) -> Vec<V> {
        self.lock().values.values().map(|entry| entry.value.clone()).collect()
    }

    /// How much is kept.
    pub(crate) fn len(&self) -> usize {
        self.lock().values.len()
    }

    /// How much was made so far, whether it is kept or not.
    pub(crate) fn made(&self) -> usize {
        self.lock().made
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use choral_ir::Tensor;

    use super::*;

    fn text<A: Tree<Tensor>>(args: &A) -> String
    where
        A::With<TensorType>: 'static,
    {
        Key::of::<Tensor, A, ()>(args).text.clone()
    }

    /// Whatever a program depends on makes another key; what it does not depend on does not.
    #[test]
    fn keys_tell_apart_what_programs_depend_on() {
        let (x, y) = (Tensor::from([1.0f32]), Tensor::from([2.0f32]));
        assert_eq!(text(&(&x, &y)), text(&(&y, &x)), "values do not matter");
        let others = [
            text(&(&x, &y)),
            text(&(&x, Tensor::from([1.0f32, 2.0]))),
            text(&(&x, Tensor::from([1.0f64]))),
            text(&[x.clone(), y.clone()]),
            text(&(&x, &y, 1)),
            text(&(&x, &y, 2)),
            text(&(&x, &y, "1")),
            text(&(&x, Some(&y))),
            text(&(&x, None::<Tensor>)),
            text(&BTreeMap::from([("a".to_owned(), x.clone())])),
            text(&BTreeMap::from([("b".to_owned(), x.clone())])),
        ];
        let different: std::collections::BTreeSet<&String> = others.iter().collect();
        assert_eq!(different.len(), others.len(), "{others:#?}");
    }

    /// What was not asked for longest goes first; what was made is counted all the same.
    #[test]
    fn a_bound_is_kept() {
        let key = |size: usize| {
            Key::of::<Tensor, _, ()>(&Tensor::zeros(TensorType::new([size], choral_ir::DType::F32)))
        };
        let cache = Cache::of(2);
        cache.insert(&key(1), 1);
        cache.insert(&key(2), 2);
        assert_eq!(cache.get(&key(1)), Some(1));
        cache.insert(&key(3), 3);
        assert_eq!([1, 2, 3].map(|size| cache.get(&key(size))), [Some(1), None, Some(3)]);
        assert_eq!((cache.len(), cache.made()), (2, 3));
    }

    /// Finding a program allocates nothing from the second call on.
    #[test]
    fn a_known_key_is_found_without_an_allocation() {
        let state: BTreeMap<String, Tensor> =
            (0..50).map(|layer| (format!("layers.{layer}.weight"), Tensor::from([[1.0f32]]))).collect();
        let args = (&state, vec![Tensor::from(1.0f32)], 3, "relu");
        let cache = Cache::default();
        cache.insert(&Key::of::<Tensor, _, ()>(&args), 7);
        let mut found = None;
        let count = allocation_counter::measure(|| found = cache.get(&Key::of::<Tensor, _, ()>(&args)));
        assert_eq!((found, count.count_total), (Some(7), 0));
    }
}
