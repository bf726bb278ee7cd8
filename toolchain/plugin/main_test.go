package main

import (
	_ "github.com/pulumi/pulumi-go-provider/integration"
)
