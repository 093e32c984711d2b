//! The line that is printed of a workload.

use std::time::Duration;

use choral::Error;

use crate::arguments::Arguments;
use crate::measure::Times;
use crate::peak::Peak;
use crate::prepared::Prepared;

/// Times a workload, and says in JSON what came of it.
///
/// # Errors
/// Those of the program.
pub(crate) fn line(
    name: &str,
    prepared: &Prepared,
    peak: &Peak,
    arguments: &Arguments,
) -> Result<String, Error> {
    let Arguments { length, threads, device, .. } = arguments;
    let times = Times::of(prepared, *length)?;
    let mut fields = vec![
        format!(
            r#""workload": "{name}", "framework": "choral", "mode": "vmap", "device": "{device}", "threads": {threads}"#
        ),
        spread("median_us", &times),
        format!(r#""n": {}"#, times.count()),
    ];
    let mut busy = times.quantile(0.5);
    if let Some(staying) = Times::of_staying(prepared, *length)? {
        let runs = (length.as_secs_f64() * 1e5 / staying.quantile(0.5)).clamp(1.0, 1000.0) as usize;
        let on_device = Times::of_device(prepared, *length, runs)?;
        busy = on_device.quantile(0.5);
        fields.push(format!(r#""wall_us": {:.1}, "device_us": {:.1}"#, staying.quantile(0.5), busy));
    }
    let costs = &prepared.costs;
    // Operations or bytes a microsecond are millions a second.
    let (gflops, traffic) = (costs.flops as f64 / busy / 1e3, costs.bytes as f64 / busy / 1e3);
    let is_narrow = name.ends_with("f16");
    let best = if is_narrow { peak.narrow_gflops } else { peak.gflops };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    fields.extend([
        format!(r#""gflops": {gflops:.1}, "of_peak": {}"#, number(gflops / best, 3)),
        format!(r#""gb_per_s": {traffic:.1}, "of_bandwidth": {}"#, number(traffic / peak.gb_per_second, 3)),
        format!(r#""peak_bytes": {}"#, costs.peak_bytes),
        format!(
            r#""trace_ms": {:.2}, "vmap_ms": {:.2}"#,
            milliseconds(costs.trace),
            milliseconds(costs.vmap)
        ),
        format!(r#""compile_ms": {:.2}, "faults": {:?}"#, milliseconds(costs.compile), prepared.faults),
    ]);
    Ok(format!("{{{}}}", fields.join(", ")))
}

fn spread(median: &str, times: &Times) -> String {
    let [low, middle, high] = [0.1, 0.5, 0.9].map(|share| times.quantile(share));
    format!(r#""{median}": {middle:.1}, "p10": {low:.1}, "p90": {high:.1}"#)
}

/// A number with so many digits behind the point; `null` of what is none.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "null".to_owned() }
}
