//! An order's steps as progress bars.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Order, failed_try, names, undoing};
use crate::cli::out::clean;

/// One progress bar for each job, its steps as its length.
pub struct Bars {
    indent: &'static str,
    all: MultiProgress,
    of_job: HashMap<String, ProgressBar>,
    order: Option<ProgressBar>,
}

impl Bars {
    pub fn new(indent: &'static str) -> Self {
        Self { indent, all: MultiProgress::new(), of_job: HashMap::new(), order: None }
    }

    pub fn show(&mut self, now: &Order) {
        let order = self.order.get_or_insert_with(|| {
            let style =
                ProgressStyle::with_template("{prefix}{spinner} {wide_msg}").expect("the template is right");
            let bar = self.all.add(ProgressBar::new_spinner().with_style(style).with_prefix(self.indent));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        for item in &now.items {
            for job in &item.jobs {
                let bar = self.of_job.entry(job.id.clone()).or_insert_with(|| {
                    let template = "{prefix}{bar:20.green/dim} {pos:>2}/{len:<2} {wide_msg}";
                    let style = ProgressStyle::with_template(template).expect("the template is right");
                    let bar =
                        ProgressBar::new(job.steps.len() as u64).with_style(style).with_prefix(self.indent);
                    self.all.insert_before(order, bar)
                });
                let done = job.steps.iter().filter(|s| s.state == "done").count();
                bar.set_position(done as u64);
                let current = job.steps.iter().find(|s| s.state == "begun").map(|s| clean(&s.title));
                let number = failed_try(None, job).map_or_else(String::new, |n| format!("try {n}: "));
                let trouble = job.error.as_ref().map(|e| format!("({number}{})", clean(e)));
                let undo = undoing(job).then(|| "undoing".to_owned());
                let parts = [Some(clean(&job.title)), undo, current, trouble];
                bar.set_message(parts.into_iter().flatten().collect::<Vec<_>>().join(" · "));
                if job.state == "done" || now.is_final() {
                    bar.abandon();
                }
            }
        }
        let waits = names(&now.waits_for);
        let mut message = format!("order {}", now.state);
        if !waits.is_empty() {
            message.push_str(&format!(", waits for {waits}"));
        }
        if now.is_final() && !now.is_completed() {
            message.push_str(&format!(": {}", now.troubles().join("; ")));
        }
        if now.is_final() {
            order.abandon_with_message(message);
        } else {
            order.set_message(message);
        }
    }
}
