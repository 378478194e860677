// Reads {"patterns": [...], "texts": [...]}; prints for each pattern which texts it matches.
package main

import (
	"encoding/json"
	"log"
	"os"
	"regexp"
)

func main() {
	var given struct{ Patterns, Texts []string }
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		log.Fatal(err)
	}
	rows := [][]bool{}
	for _, pattern := range given.Patterns {
		compiled, row := regexp.MustCompile(pattern), []bool{}
		for _, text := range given.Texts {
			row = append(row, compiled.MatchString(text))
		}
		rows = append(rows, row)
	}
	if err := json.NewEncoder(os.Stdout).Encode(rows); err != nil {
		log.Fatal(err)
	}
}
