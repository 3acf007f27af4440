// Checks what Yuetan publishes and proves with Go's own packages, which nobody of this project wrote.
//
// Standard input is JSON: the public key, the folder of checkpoint and tiles, the leaves, and proofs as the API gives
// them. Ends with 1 and a line on standard error at the first thing that does not hold.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Index      int64
	LeafHash   string `json:"leaf_hash"`
	Hashes     []string
	Checkpoint string
}

type consistency struct {
	First  string
	Second string
	Hashes []string
}

type question struct {
	Key         string
	Folder      string
	Leaves      []string
	Inclusion   []inclusion
	Consistency []consistency
}

// tiles reads C2SP tlog-tiles, which name the height 8 nowhere; Go's own names begin with it.
type tiles string

func (tiles) Height() int { return 8 }

func (folder tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(folder), path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func hash(text string) (hash tlog.Hash) {
	if copy(hash[:], must(base64.StdEncoding.DecodeString(text))) != tlog.HashSize {
		fail("not a hash: " + text)
	}
	return
}

func hashes(texts []string) (found []tlog.Hash) {
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return
}

func open(text string, key note.Verifier) tlog.Tree {
	opened := must(note.Open([]byte(text), note.VerifierList(key)))
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != key.Name() {
		fail("a checkpoint of another log")
	}
	return tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64)), Hash: hash(lines[2])}
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	key := must(note.NewVerifier(asked.Key))
	tree := open(string(must(os.ReadFile(filepath.Join(asked.Folder, "checkpoint")))), key)
	reader := tlog.TileHashReader(tree, tiles(asked.Folder)) // authenticates every tile against the tree
	if tree.N != int64(len(asked.Leaves)) {
		fail(fmt.Sprintf("%d leaves for a tree of %d", len(asked.Leaves), tree.N))
	}
	for n, leaf := range asked.Leaves {
		stored := must(reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(n))}))
		if stored[0] != tlog.RecordHash([]byte(leaf)) {
			fail(fmt.Sprintf("leaf %d is another one", n))
		}
	}
	for _, given := range asked.Inclusion {
		tree := open(given.Checkpoint, key)
		proof := tlog.RecordProof(hashes(given.Hashes))
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, given.Index, hash(given.LeafHash)); err != nil {
			fail(err)
		}
	}
	for _, given := range asked.Consistency {
		first, second := open(given.First, key), open(given.Second, key)
		proof := tlog.TreeProof(hashes(given.Hashes))
		if err := tlog.CheckTree(proof, second.N, second.Hash, first.N, first.Hash); err != nil {
			fail(err)
		}
	}
	fmt.Printf("%d leaves, %d inclusion and %d consistency proofs hold\n",
		len(asked.Leaves), len(asked.Inclusion), len(asked.Consistency))
}
