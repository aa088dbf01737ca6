// Checks a published log, and computes proofs, with Go's own transparency log: golang.org/x/mod/sumdb, which knows nothing of Clearance.
//
//	independent tree SIZE…            prints roots and proofs of logs whose leaf n is the text of n
//	independent files FOLDER VERIFIER OLDER  checks every leaf of published files, and growth from OLDER leaves; prints the size
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func texts(hashes []tlog.Hash) []string {
	found := []string{}
	for _, hash := range hashes {
		found = append(found, base64.StdEncoding.EncodeToString(hash[:]))
	}
	return found
}

func tree(sizes []string) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for place, index := range indexes {
			found[place] = stored[index]
		}
		return found, nil
	})
	roots, inclusion, consistency := map[string]string{}, map[string][]string{}, map[string][]string{}
	grown := int64(0)
	for _, text := range sizes {
		size, err := strconv.ParseInt(text, 10, 64)
		check(err)
		for ; grown < size; grown++ {
			hashes, err := tlog.StoredHashes(grown, []byte(strconv.FormatInt(grown, 10)), reader)
			check(err)
			stored = append(stored, hashes...)
		}
		root, err := tlog.TreeHash(size, reader)
		check(err)
		roots[text] = texts([]tlog.Hash{root})[0]
		step := size/97 + 1
		for index := int64(0); index < size; index += step {
			proof, err := tlog.ProveRecord(size, index, reader)
			check(err)
			inclusion[fmt.Sprintf("%d/%d", index, size)] = texts(proof)
			grew, err := tlog.ProveTree(size, index+1, reader)
			check(err)
			consistency[fmt.Sprintf("%d/%d", index+1, size)] = texts(grew)
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"roots": roots, "inclusion": inclusion, "consistency": consistency}))
}

type files struct{ folder string }

func (f files) Height() int                                  { return 8 }
func (f files) SaveTiles(tiles []tlog.Tile, data [][]byte)   {}
func (f files) path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1) // C2SP leaves the height out: it is always 8
}
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(f.folder, f.path(tile)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func published(folder, key string, older int64) {
	verifier, err := note.NewVerifier(key)
	check(err)
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	var root tlog.Hash
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	copy(root[:], raw)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, files{folder})
	for first := int64(0); first < size; first += 256 {
		tile := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(min(size-first, 256))}
		name := strings.Replace(files{}.path(tile), "tile/0/", "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(folder, name))
		check(err)
		for index := first; index < first+int64(tile.W); index++ {
			length := binary.BigEndian.Uint16(bundle)
			leaf := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			proof, err := tlog.ProveRecord(size, index, reader)
			check(err)
			check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(leaf)))
		}
	}
	before, err := tlog.TreeHash(older, reader)
	check(err)
	proof, err := tlog.ProveTree(size, older, reader)
	check(err)
	check(tlog.CheckTree(proof, size, root, older, before))
	fmt.Println(size)
}

func min(one, other int64) int64 {
	if one < other {
		return one
	}
	return other
}

func main() {
	if os.Args[1] == "tree" {
		tree(os.Args[2:])
		return
	}
	older, err := strconv.ParseInt(os.Args[4], 10, 64)
	check(err)
	published(os.Args[2], os.Args[3], older)
}
