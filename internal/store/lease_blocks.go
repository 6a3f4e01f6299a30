package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"example.org/caravan/internal/address"
)

// block is an aligned run of addresses, as free_blocks keeps it.
type block struct {
	first [16]byte // lowest address; IPv4 in ::ffff:0:0/96
	size  int      // number of addresses, as a power of two
}

func blockOf(p netip.Prefix) block {
	p = p.Masked()
	return block{p.Addr().As16(), p.Addr().BitLen() - p.Bits()}
}

// prefix is the block in the family of a range.
func (b block) prefix(family netip.Prefix) netip.Prefix {
	a := netip.AddrFrom16(b.first)
	if family.Addr().Is4() {
		a = a.Unmap()
	}
	return netip.PrefixFrom(a, a.BitLen()-b.size)
}

// last is the block's highest address.
func (b block) last() [16]byte {
	out := b.first
	for bit := range b.size {
		out[15-bit/8] |= 1 << (bit % 8)
	}
	return out
}

// buddy is the other half of the block twice as large.
func (b block) buddy() block {
	b.first[15-b.size/8] ^= 1 << (b.size % 8)
	return b
}

// double is the block that b is half of.
func (b block) double() block {
	b.first[15-b.size/8] &^= 1 << (b.size % 8)
	b.size++
	return b
}

func (b block) contains(c block) bool {
	for c.size < b.size {
		c = c.double()
	}
	return b == c
}

// carve is what is left of b when one of its parts is taken out, as the fewest blocks.
func (b block) carve(part block) []block {
	var out []block
	for ; part.size < b.size; part = part.double() {
		out = append(out, part.buddy())
	}
	return out
}

func scanBlock(row interface{ Scan(...any) error }) (block, error) {
	var b block
	var first []byte
	if err := row.Scan(&b.size, &first); err != nil {
		return b, err
	}
	if copy(b.first[:], first) != len(b.first) || len(first) != len(b.first) {
		return b, fmt.Errorf("a free block begins with an address of %d bytes", len(first))
	}
	return b, nil
}

// fit is the free block of a range that a part is taken from: the smallest that is large enough, the lowest of those; for a
// single address the lowest of all, as address.Space does.
func (t *leasing) fit(of span, size int) (b, part block, ok bool, err error) {
	b, ok, err = t.freeBlock(of, bestFirst(size)+` LIMIT 1`, size)
	return b, block{b.first, size}, ok, err
}

// bestFirst selects the free blocks of a size or larger.
func bestFirst(size int) string {
	if size == 0 {
		return `size >= $2 ORDER BY first`
	}
	return `size >= $2 ORDER BY size, first`
}

// fitBeside is as fit, for a part that overlaps nothing that is used.
func (t *leasing) fitBeside(of span, size int, used []address.Used) (b, part block, ok bool, err error) {
	blocks, err := t.freeBlocks(of, size)
	for _, b := range blocks {
		s := address.NewSpace(b.prefix(of.Prefix))
		for _, u := range used {
			if u.Prefix.Overlaps(b.prefix(of.Prefix)) {
				address.Take(s, u.Prefix)
			}
		}
		if p, err := s.Allocate(of.Prefix.Addr().BitLen() - size); err == nil {
			return b, blockOf(p), true, nil
		}
	}
	return block{}, block{}, false, err
}

// freeBlocks is the free blocks of a range that have a size or are larger, best first.
func (t *leasing) freeBlocks(of span, size int) (out []block, err error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT size, first FROM free_blocks WHERE parent = $1 AND `+bestFirst(size), of.id, size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		b, err := scanBlock(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	if err := rows.Err(); err != nil || len(out) > 0 {
		return out, err
	}
	divided, err := t.divided(of)
	if err != nil || divided {
		return nil, err
	}
	return []block{blockOf(of.Prefix)}, nil
}

// around is the free block of a range that a part lies in.
func (t *leasing) around(of span, part block) (block, bool, error) {
	b, ok, err := t.freeBlock(of, `first <= $2 ORDER BY first DESC LIMIT 1`, part.first[:])
	return b, ok && b.contains(part), err
}

// freeBlock is one free block of a range. One of which nothing was ever taken has no rows, and is free as a whole.
func (t *leasing) freeBlock(of span, which string, arg any) (block, bool, error) {
	b, err := scanBlock(t.tx.QueryRowContext(t.ctx, `SELECT size, first FROM free_blocks WHERE parent = $1 AND `+which, of.id, arg))
	if !errors.Is(err, sql.ErrNoRows) {
		return b, err == nil, err
	}
	divided, err := t.divided(of)
	return blockOf(of.Prefix), !divided, err
}

// divided reports whether a range has parts.
func (t *leasing) divided(of span) (bool, error) {
	var n int
	err := t.tx.QueryRowContext(t.ctx, `SELECT count(*) FROM (SELECT 1 FROM ranges WHERE parent = $1 LIMIT 1) AS part`, of.id).Scan(&n)
	return n > 0, err
}

// carve takes a part out of a free block of a range.
func (t *leasing) carve(of span, b, part block) error {
	if err := t.exec(`DELETE FROM free_blocks WHERE parent = $1 AND size = $2 AND first = $3`, of.id, b.size, b.first[:]); err != nil {
		return err
	}
	return t.addFree(of, b.carve(part))
}

func (t *leasing) addFree(of span, blocks []block) error {
	if len(blocks) == 0 {
		return nil
	}
	args := []any{of.id}
	values := make([]string, len(blocks))
	for i, b := range blocks {
		values[i] = fmt.Sprintf("($1, $%d, $%d)", len(args)+1, len(args)+2)
		args = append(args, b.size, b.first[:])
	}
	return t.exec(`INSERT INTO free_blocks (parent, size, first) VALUES `+strings.Join(values, ", "), args...)
}

// free gives a part of a range back and joins it with its other half as long as that is free too.
func (t *leasing) free(of span, part block) error {
	whole := blockOf(of.Prefix)
	for part != whole {
		other := part.buddy()
		result, err := t.tx.ExecContext(t.ctx, `DELETE FROM free_blocks WHERE parent = $1 AND size = $2 AND first = $3`, of.id, other.size, other.first[:])
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, t.addFree(of, []block{part}))
		}
		part = part.double()
	}
	return nil
}
