package store

import (
	"database/sql"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/fault"
)

func (t *leasing) allocate(w address.Want, used []address.Used) (address.Lease, error) {
	if err := checkHolder(w.Holder); err != nil {
		return address.Lease{}, err
	}
	k, err := t.lookUp(w.Holder, w.Parent)
	if err != nil {
		return address.Lease{}, err
	}
	if k.active != nil {
		return k.active.Lease, sameRange(*k.active, w)
	}
	if w.Parent == "" {
		return t.fromPools(w, used, k)
	}
	p, err := k.part(w.Parent)
	if err != nil {
		return address.Lease{}, err
	}
	return t.from(p, w, used, k)
}

// checkHolder refuses names under which a lease could not be found, or would be taken for a pool.
func checkHolder(name string) error {
	if name == "" {
		return fault.Newf(fault.Invalid, "a range is wanted for nobody; name its holder")
	}
	if strings.HasPrefix(name, poolParent) {
		return fault.Newf(fault.Invalid, "%s is the name of a pool; name a holder", name)
	}
	return nil
}

// fromPools takes a range from the first pool that has room, in the order they were declared.
func (t *leasing) fromPools(w address.Want, used []address.Used, k known) (address.Lease, error) {
	pools, err := t.spans(`r.state = 'pool' ORDER BY r.id`)
	if err != nil {
		return address.Lease{}, err
	}
	var full []error
	for _, p := range pools {
		l, err := t.from(p, w, used, k)
		if kind := fault.KindOf(err); kind != fault.Conflict && kind != fault.Invalid {
			return l, err
		}
		full = append(full, err)
	}
	switch len(full) {
	case 0:
		return address.Lease{}, fault.Newf(fault.NotFound, "no pool is declared; add pools to caravan.yaml")
	case 1:
		return address.Lease{}, full[0]
	}
	return address.Lease{}, fault.Newf(fault.Conflict, "none of %d pools has room: %s", len(full), strings.ReplaceAll(errors.Join(full...).Error(), "\n", "; "))
}

// sameRange refuses a lease of another size than is wanted, or of something else.
func sameRange(old span, w address.Want) error {
	if bits := wantedBits(w, old.Prefix); bits != old.Prefix.Bits() {
		return fault.Newf(fault.Conflict, "%s has %s, a /%d, and a /%d is wanted; release it first, or ask for the same size", w.Holder, old.Prefix, old.Prefix.Bits(), bits)
	}
	if w.Parent != "" && text(w.Parent) != old.Parent {
		return fault.Newf(fault.Conflict, "%s has %s, a part of %s, and one of %s is wanted; release it first, or ask for the same", w.Holder, old.Prefix, old.Parent, w.Parent)
	}
	return nil
}

// wantedBits is the prefix length that is wanted, in the family of a range.
func wantedBits(w address.Want, family netip.Prefix) int {
	if w.Bits != 0 {
		return w.Bits
	}
	return address.BitsFor(w.Addresses, family.Addr().BitLen())
}

func (t *leasing) from(p span, w address.Want, used []address.Used, k known) (address.Lease, error) {
	bits, width := wantedBits(w, p.Prefix), p.Prefix.Addr().BitLen()
	if bits < p.Prefix.Bits() || bits > width {
		return address.Lease{}, fault.Newf(fault.Invalid, "%s: a /%d cannot be a part of %s; ask for a length from %d to %d", w.Holder, bits, p.Prefix, p.Prefix.Bits(), width)
	}
	if old, ok := k.resting(p, bits); ok {
		return t.revive(old)
	}
	b, part, ok, err := t.fit(p, width-bits)
	if err == nil && ok && overlaps(part.prefix(p.Prefix), used) {
		b, part, ok, err = t.fitBeside(p, width-bits, used)
	}
	if err != nil {
		return address.Lease{}, err
	}
	if !ok {
		return address.Lease{}, t.noRoom(p, w.Holder, bits, used)
	}
	if err := t.carve(p, b, part); err != nil {
		return address.Lease{}, err
	}
	l := address.Lease{Holder: w.Holder, Parent: nameOf(p), Prefix: part.prefix(p.Prefix), Purpose: w.Purpose, State: address.Reserved, Since: stamp(t.note.At)}
	return l, t.insert(span{Lease: l}, p)
}

func overlaps(p netip.Prefix, used []address.Used) bool {
	return slices.ContainsFunc(used, func(u address.Used) bool { return u.Prefix.Overlaps(p) })
}

func (t *leasing) noRoom(p span, holder string, bits int, used []address.Used) error {
	if overlaps(p.Prefix, used) {
		return fault.Newf(fault.Conflict, "%s: %s of %s has no /%d free beside what is in use without a lease; ask for less, release what is not needed, or add a pool to caravan.yaml",
			holder, p.Prefix, nameOf(p), bits)
	}
	var size sql.NullInt64
	if err := t.tx.QueryRowContext(t.ctx, `SELECT max(size) FROM free_blocks WHERE parent = $1`, p.id).Scan(&size); err != nil {
		return err
	}
	if !size.Valid {
		return fault.Newf(fault.Conflict, "%s: %s of %s is full; release what is not needed, or add a pool to caravan.yaml", holder, p.Prefix, nameOf(p))
	}
	return fault.Newf(fault.Conflict, "%s: %s of %s has no /%d free, its largest free block is a /%d; ask for less, release what is not needed, or add a pool to caravan.yaml",
		holder, p.Prefix, nameOf(p), bits, p.Prefix.Addr().BitLen()-int(size.Int64))
}

func (t *leasing) revive(old span) (address.Lease, error) {
	old.State, old.Since, old.Until = address.Reserved, stamp(t.note.At), time.Time{}
	return old.Lease, t.setState(old, "revived")
}
