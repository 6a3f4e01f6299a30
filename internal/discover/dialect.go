package discover

// Dialect is one sort of file among several that a format reads. P is what the format keeps while it reads a file.
type Dialect[P any] struct {
	Is   func(File) bool
	Read func(P, File)
}

// ClaimsAny owns the files that are of any dialect.
func ClaimsAny[P any](dialects []Dialect[P]) func(File) Claim {
	return func(f File) Claim {
		for _, d := range dialects {
			if d.Is(f) {
				return Owns
			}
		}
		return No
	}
}

// ReadFirst reads a file in the first dialect it is of.
func ReadFirst[P any](dialects []Dialect[P], begin func(File, *Report) P) func(File, *Report) {
	return func(f File, r *Report) {
		for _, d := range dialects {
			if d.Is(f) {
				d.Read(begin(f, r), f)
				return
			}
		}
	}
}
