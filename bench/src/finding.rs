//! What was found, against what it should be.

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

impl Target {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
        }
    }
}

/// One number with what it is measured against.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What was measured.
    pub(crate) name: &'static str,
    /// What came out, with its unit.
    pub(crate) value: String,
    /// What it is measured against, with its unit.
    pub(crate) reference: String,
    /// The one in relation to the other.
    pub(crate) ratio: f64,
    /// What that should be.
    pub(crate) target: Target,
}

impl Finding {
    /// Rates per second that were taken in turn: the ratio is the middle one of the rounds' ratios, so that what
    /// disturbed a whole round cancels.
    pub(crate) fn of_rates(name: &'static str, rates: &[f64], against: &'static str, references: &[f64]) -> Self {
        let ratios = rates.iter().zip(references).map(|(rate, reference)| rate / reference);
        Self {
            name,
            value: format!("{:.0}/s", middle(rates.iter().copied())),
            reference: format!("{:.0}/s {against}", middle(references.iter().copied())),
            ratio: middle(ratios),
            target: Target::AtLeast(1.0),
        }
    }

    /// Delays in milliseconds that were taken in turn; of the rounds' ratios, too, the middle one counts.
    pub(crate) fn of_delays(name: &'static str, delays: [&[f64]; 2], at: [&str; 2], bound: f64) -> Self {
        let [many, few] = delays;
        let [value, reference] = [many, few].map(|delays| middle(delays.iter().copied()));
        let [at_many, at_few] = at;
        Self {
            name,
            value: format!("{value:.2} ms {at_many}"),
            reference: format!("{reference:.2} ms {at_few}"),
            ratio: middle(many.iter().zip(few).map(|(many, few)| many / few)),
            target: Target::AtMost(bound),
        }
    }

    /// A quantity that must not exceed a limit, both in `unit`.
    pub(crate) fn within(name: &'static str, quantity: f64, limit: f64, unit: &str) -> Self {
        Self {
            name,
            value: format!("{quantity:.1} {unit}"),
            reference: format!("{limit:.0} {unit}"),
            ratio: quantity / limit,
            target: Target::AtMost(1.0),
        }
    }

    /// What the ratio should be at least.
    pub(crate) fn at_least(self, bound: f64) -> Self {
        Self { target: Target::AtLeast(bound), ..self }
    }

    /// Whether it is as it should be.
    pub(crate) fn is_met(&self) -> bool {
        self.target.is_met(self.ratio)
    }

    /// How many times better than it must be: 1 is just enough.
    pub(crate) fn margin(&self) -> f64 {
        match self.target {
            Target::AtLeast(bound) => self.ratio / bound,
            Target::AtMost(bound) => bound / self.ratio,
        }
    }
}

/// The median; 0 of nothing.
pub(crate) fn middle(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The least of the values that this part of them does not exceed (nearest rank); 0 of nothing.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank between 0 and a count far below 2^52"
    )]
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}
