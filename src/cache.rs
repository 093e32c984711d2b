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
use choral_compiler::tree::{Event, Place};
use choral_ir::{Tensor, TensorType};

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
    pub(crate) fn of<A, O>(args: &A) -> Key
    where
        A: Tree<Tensor>,
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
            Event::Leaf(tensor) => key.add(format_args!(":{}", tensor.ty())),
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

/// What was made so far, by key.
pub(crate) struct Cache<V> {
    made: Mutex<HashMap<Box<str>, V>>,
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Cache { made: Mutex::default() }
    }
}

impl<V: Clone> Cache<V> {
    /// What was made for the key.
    pub(crate) fn get(&self, key: &Key) -> Option<V> {
        self.lock().get(key.text.as_str()).cloned()
    }

    /// Keeps what was made for the key, in place of what was there.
    pub(crate) fn insert(&self, key: &Key, value: V) {
        self.lock().insert(key.text.as_str().into(), value);
    }

    /// All that was made.
    pub(crate) fn values(&self) -> Vec<V> {
        self.lock().values().cloned().collect()
    }

    /// How much was made.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The map; a thread that panicked while holding it left it whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, V>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text<A: Tree<Tensor>>(args: &A) -> String
    where
        A::With<TensorType>: 'static,
    {
        Key::of::<A, ()>(args).text.clone()
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

    /// Finding a program allocates nothing from the second call on.
    #[test]
    fn a_known_key_is_found_without_an_allocation() {
        let state: BTreeMap<String, Tensor> =
            (0..50).map(|layer| (format!("layers.{layer}.weight"), Tensor::from([[1.0f32]]))).collect();
        let args = (&state, vec![Tensor::from(1.0f32)], 3, "relu");
        let cache = Cache::default();
        cache.insert(&Key::of::<_, ()>(&args), 7);
        let mut found = None;
        let count = allocation_counter::measure(|| found = cache.get(&Key::of::<_, ()>(&args)));
        assert_eq!((found, count.count_total), (Some(7), 0));
    }
}
