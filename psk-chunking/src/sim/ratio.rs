//! A ratio for figures that no money depends on.

/// A ratio of source units to units somewhere on the path; good to about one part in 2^50.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratio {
    above: u128,
    below: u128,
}

impl Ratio {
    pub(super) const ONE: Self = Self { above: 1, below: 1 };

    pub(super) fn times(self, above: u128, below: u128) -> Self {
        let mut product =
            Self { above: self.above.saturating_mul(above), below: self.below.saturating_mul(below) };
        while product.above >= 1 << 60 || product.below >= 1 << 60 {
            product = Self { above: (product.above >> 1).max(1), below: (product.below >> 1).max(1) };
        }
        product
    }

    /// Whether it is less than another one by more than it may be off itself.
    pub(super) fn is_below(self, other: Self) -> bool {
        let (this, that) = (self.above * other.below, other.above * self.below);
        this < that && that - this > that >> 40
    }

    pub(super) fn of(self, amount: u128) -> u128 {
        amount.saturating_mul(self.above) / self.below.max(1)
    }

    /// The most whole units that are less than what `amount` is worth.
    pub(super) fn below_worth(self, amount: u128) -> u128 {
        amount.saturating_mul(self.above).saturating_sub(1) / self.below.max(1)
    }

    pub(super) fn inverse_of(self, amount: u128) -> u128 {
        amount.saturating_mul(self.below) / self.above.max(1)
    }
}
