// Logs in, and prints what the first post of the feed says. Arguments: URL, name, password.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"newsfeed.example/clients/client"
)

func main() {
	api, err := client.NewClientWithResponses(os.Args[1])
	check(err)
	credentials := client.LogInJSONRequestBody{Username: os.Args[2], Password: os.Args[3]}
	login, err := api.LogInWithResponse(context.Background(), credentials)
	check(err)
	if login.JSON200 == nil {
		log.Fatal(login.Status())
	}
	bearer := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+login.JSON200.Access)
		return nil
	}
	feed, err := api.GetFeedWithResponse(context.Background(), &client.GetFeedParams{}, bearer)
	check(err)
	if feed.JSON200 == nil || len(feed.JSON200.Results) == 0 {
		log.Fatal(feed.Status())
	}
	fmt.Println(feed.JSON200.Results[0].Content)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
