package workload

import (
	"strconv"
	"strings"
)

// UsualReplicas are those of a service that says nothing of them: two, so that one can fail.
const UsualReplicas = 2

// Replicas reads AnnotationReplicas: "2" is always two, "2-6" is between, as it is busy. ok is false when it says neither.
func Replicas(text string) (least, most int, ok bool) {
	low, high, between := strings.Cut(text, "-")
	if !between {
		high = low
	}
	least, err1 := strconv.Atoi(low)
	most, err2 := strconv.Atoi(high)
	return least, most, err1 == nil && err2 == nil && least >= 1 && most >= least
}
