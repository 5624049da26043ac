// Command outside reads a published log, over HTTP or from its folder, and verifies it with Go's own
// transparency-log code, which shares nothing with the program that wrote it: the checkpoint's signature, every tile
// and entry against the root, and one inclusion proof. With -from it also proves that the tree of an older checkpoint
// grew into this one; with -policy the checkpoint must carry the cosignatures that a C2SP witness policy asks for.
// It prints "ok SIZE ROOT", or says what is wrong and exits with 1. With -claim it checks the proof file of a claim, or of
// expenses, offline, and prints what it proves before "ok".
//
//	outside [-from CHECKPOINT] [-policy POLICY] URL|FOLDER VKEY
//	outside -claim PROOF -ca ROOT VKEY
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// A full bundle: 256 entries of 65,535 bytes, each behind two bytes of length.
	fileBytesMax = tileWidth * (2 + 65535)
)

var client = &http.Client{Timeout: 30 * time.Second}

func main() {
	from := flag.String("from", "", "file with an older checkpoint of the log")
	policyFile := flag.String("policy", "", "file with the witness policy that the checkpoint must meet")
	claim := flag.String("claim", "", "proof file of a claim, or of expenses")
	ca := flag.String("ca", "", "root certificate, DER or PEM, that the proof file is checked by")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: outside [-from CHECKPOINT] [-policy POLICY] URL|FOLDER VKEY")
		fmt.Fprintln(os.Stderr, "       outside -claim PROOF -ca ROOT VKEY")
	}
	flag.Parse()
	if *claim != "" && *ca != "" && flag.NArg() == 1 {
		lines, err := checkClaim(*claim, flag.Arg(0), *ca)
		if err != nil {
			fmt.Fprintln(os.Stderr, "fails:", err)
			os.Exit(1)
		}
		fmt.Println(strings.Join(append(lines, "ok"), "\n"))
		return
	}
	if *claim != "" || flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	tree, err := check(strings.TrimSuffix(flag.Arg(0), "/"), flag.Arg(1), *from, *policyFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fails:", err)
		os.Exit(1)
	}
	fmt.Println("ok", tree.N, tree.Hash)
}

func check(base, vkey, from, policyFile string) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	signed, err := fetch(base + "/checkpoint")
	if err != nil {
		return tree, err
	}
	if tree, err = openCheckpoint(signed, verifier); err != nil {
		return tree, err
	}
	if policyFile != "" {
		if err := checkPolicy(signed, policyFile); err != nil {
			return tree, err
		}
	}
	if err := verify(base, tree); err != nil || from == "" {
		return tree, err
	}
	older, err := os.ReadFile(from)
	if err != nil {
		return tree, err
	}
	before, err := openCheckpoint(older, verifier)
	if err != nil {
		return tree, err
	}
	return tree, checkGrowth(base, before, tree)
}

func openCheckpoint(signed []byte, verifier note.Verifier) (tree tlog.Tree, err error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	return parseCheckpoint(opened.Text, verifier.Name())
}

// checkGrowth proves from the published tiles that the newer tree holds the older one.
func checkGrowth(base string, before, tree tlog.Tree) error {
	if before.N > tree.N {
		return fmt.Errorf("the log shrank from %d to %d entries", before.N, tree.N)
	}
	if before.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, before.N, tlog.TileHashReader(tree, &tiles{base}))
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash)
}

// verify recomputes the tree from the published entries and compares every tile with it.
func verify(base string, tree tlog.Tree) error {
	if tree.N == 0 {
		return nil
	}
	// Recompute the root from the entries alone.
	var stored []tlog.Hash
	recomputed := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	var records []tlog.Hash
	for first := int64(0); first < tree.N; first += tileWidth {
		width := min(tileWidth, tree.N-first)
		entries, err := bundle(base, first/tileWidth, width)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			record := tlog.RecordHash(entry)
			hashes, err := tlog.StoredHashesForRecordHash(int64(len(records)), record, recomputed)
			if err != nil {
				return err
			}
			stored = append(stored, hashes...)
			records = append(records, record)
		}
	}
	root, err := tlog.TreeHash(tree.N, recomputed)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the entries give another root than the checkpoint's")
	}

	// TileHashReader checks each tile it reads against the root.
	published := tlog.TileHashReader(tree, &tiles{base})
	for first := 0; first < len(records); first += tileWidth {
		last := min(first+tileWidth, len(records))
		indexes := make([]int64, 0, tileWidth)
		for n := first; n < last; n++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, int64(n)))
		}
		hashes, err := published.ReadHashes(indexes)
		if err != nil {
			return err
		}
		if !slices.Equal(hashes, records[first:last]) {
			return fmt.Errorf("entries %d to %d do not hash to their leaves", first, last-1)
		}
	}
	n := tree.N / 2
	proof, err := tlog.ProveRecord(tree.N, n, published)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, records[n])
}

func parseCheckpoint(text, name string) (tree tlog.Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != name {
		return tree, errors.New("a checkpoint of another log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || tree.N < 0 {
		return tree, errors.New("a checkpoint without size")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree, errors.New("a checkpoint without root")
	}
	copy(tree.Hash[:], root)
	return tree, nil
}

func bundle(base string, index, width int64) ([][]byte, error) {
	tile := tlog.Tile{H: tileHeight, L: -1, N: index, W: int(width)}
	data, err := fetch(base + "/" + strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) >= 2 {
		size := 2 + int(binary.BigEndian.Uint16(data))
		if size > len(data) {
			break
		}
		entries = append(entries, data[2:size])
		data = data[size:]
	}
	if len(data) > 0 || int64(len(entries)) != width {
		return nil, fmt.Errorf("bundle %d does not hold %d entries", index, width)
	}
	return entries, nil
}

// tiles reads tiles of hashes. Go writes tile/8/L/N where C2SP writes tile/L/N.
type tiles struct{ base string }

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		data, err := fetch(t.base + "/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// fetch reads a published file; a base that is no address is a folder.
func fetch(url string) ([]byte, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return os.ReadFile(url)
	}
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, fileBytesMax+1))
	if err == nil && len(data) > fileBytesMax {
		err = fmt.Errorf("%s: too large", url)
	}
	return data, err
}
