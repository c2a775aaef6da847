//! Random choices that a seed reproduces.

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
pub struct Random(u64);

impl Random {
    /// The choices for input `number` of a seed.
    pub fn new(seed: u64, number: u64) -> Random {
        let mut random = Random(seed);
        let first = random.next();
        Random(first ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, or 0 if there is none.
    pub fn below(&mut self, n: usize) -> usize {
        match n {
            0 => 0,
            n => (self.next() % n as u64) as usize,
        }
    }

    /// True once in `n` times on average.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn choose<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A number at or near the edge of a type, or a small one.
    pub fn edge(&mut self) -> String {
        const EDGES: [i128; 18] = [
            0,
            1,
            2,
            7,
            64,
            255,
            256,
            65_535,
            65_536,
            1 << 31,
            1 << 32,
            1 << 53,
            1 << 62,
            1 << 63,
            1 << 64,
            1_000_000,
            3_000_000_000,
            10_i128.pow(20),
        ];
        let edge = self.choose(&EDGES) + self.below(3) as i128 - 1;
        match self.below(8) {
            0 => (-edge).to_string(),
            1 => self.below(12).to_string(),
            2 => ["1e308", "1e-308", "nan", "inf", "-inf", "-0.0", "0.5", ""][self.below(8)].into(),
            _ => edge.to_string(),
        }
    }

    /// Changes some bytes: other values, or pieces removed, doubled or moved.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let n = bytes.len();
            let at = self.below(n);
            let end = (at + 1 + self.below(16)).min(n);
            match self.below(5) {
                _ if n == 0 => bytes.push(self.next() as u8),
                0 => bytes[at] = self.next() as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let part = bytes[at..end].to_vec();
                    let to = self.below(n);
                    bytes.splice(to..to, part);
                }
                _ => bytes.truncate(at),
            }
        }
    }
}
