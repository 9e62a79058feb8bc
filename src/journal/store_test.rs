//! A journal as a whole: what is written is found again, and what is damaged is refused.
