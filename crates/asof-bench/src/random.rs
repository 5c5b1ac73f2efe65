//! Chance, the same in every run.

/// xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The upper bits, which are the better ones.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// Few are asked for often: Gray's method, as YCSB has it, with its exponent of 0.99.
pub struct Zipf {
    n: u64,
    alpha: f64,
    zeta: f64,
    eta: f64,
}

const THETA: f64 = 0.99;

impl Zipf {
    pub fn new(n: u64) -> Zipf {
        let zeta = |n: u64| (1..=n).map(|k| (k as f64).powf(-THETA)).sum::<f64>();
        let all = zeta(n);
        Zipf {
            n,
            alpha: 1.0 / (1.0 - THETA),
            zeta: all,
            eta: (1.0 - (2.0 / n as f64).powf(1.0 - THETA)) / (1.0 - zeta(2) / all),
        }
    }

    pub fn pick(&self, random: &mut Random) -> u64 {
        let u = random.unit();
        let scaled = u * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(THETA) {
            return 1;
        }
        let rank = self.n as f64 * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.n - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_million_is_asked_for_about_once_in_fifteen() {
        let zipf = Zipf::new(1_000_000);
        let mut random = Random(42);
        let picks: Vec<u64> = (0..100_000).map(|_| zipf.pick(&mut random)).collect();
        let first = picks.iter().filter(|pick| **pick == 0).count();
        assert!((6_000..7_200).contains(&first), "{first}");
        assert!(picks.iter().any(|pick| *pick > 500_000));
    }
}
