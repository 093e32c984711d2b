//! Sines, cosines and tangents.

/// From here on, some systems' own functions lose digits where they subtract multiples of pi.
const HUGE: f64 = 1e8;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $of_library:path;)*) => {$(
        $(#[$doc])*
        pub fn $name(x: f64) -> f64 {
            if x.abs() < HUGE { x.$name() } else { $of_library(x) }
        }
    )*};
}
functions! {
    /// The cosine of radians.
    cos libm::cos;
    /// The sine of radians.
    sin libm::sin;
    /// The tangent of radians.
    tan libm::tan;
}
