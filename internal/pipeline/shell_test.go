package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCommandsKnowTheirLinesAndWhatTheyDependOn(t *testing.T) {
	for _, c := range []struct{ about, script, want string }{
		{"one", "a b", "0 a b"},
		{"several on a line", "a; b | c & d", "0 a|0 b|0 c|0 d"},
		{"quotes are taken away", `a "b c" 'd e' f\ g`, "0 a b c d e f g"},
		{"a continued line", "a \\\n  b\nc", "0 a b|2 c"},
		{"comments are left out", "# x\na # y\nb#c", "1 a|2 b#c"},
		{"an if", "if [ x ]; then\n a\nelse\n b\nfi\nc", "0 [ x ] (an if)|1 a (an if)|3 b (an if)|5 c"},
		{"a case", "case $x in\n a) b;;\nesac\nc", "1 a (a case)|1 b (a case)|3 c"},
		{"a loop", "for h in a b; do\n ssh $h\ndone\nc", "1 ssh $h ~|3 c"},
		{"a function", "f() {\n a\n}\nf", "1 a (a function)|3 f"},
		{"what follows a test", "[ x ] && a\nb", "0 [ x ]|0 a (a test before it)|1 b"},
		{"what follows a step is run", "cd x && a", "0 cd x|0 a"},
		{"what follows a failure", "a || b; c", "0 a|0 b (a command before it that fails)|0 c"},
		{"what follows an exit", "if x; then exit 0; fi\na", "0 x (an if)|0 exit 0 (an if)|1 a (an exit before it)"},
		{"a failing exit ends it anyway", "x || exit 1\na", "0 x|0 exit 1 (a command before it that fails)|1 a"},
		{"a here-document", "ssh h <<EOF\nif x\nEOF\nb", "0 ssh h|3 b"},
		{"expressions are one word", "a ${{ b && c }} $(d; e) `f g`", "0 a ${{ b && c }} $(d; e) `f g`"},
	} {
		t.Run(c.about, func(t *testing.T) {
			var got []string
			for _, cmd := range commands(c.script) {
				text := fmt.Sprint(cmd.line, " ", strings.Join(cmd.words, " "))
				if cmd.guard != "" {
					text += " (" + cmd.guard + ")"
				}
				if cmd.loop {
					text += " ~"
				}
				got = append(got, text)
			}
			if strings.Join(got, "|") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), c.want)
			}
		})
	}
}

func TestWhatDeploysAndWhereTo(t *testing.T) {
	for script, want := range map[string]string{
		"ansible-playbook -i prod site.yml":                             "machines",
		"docker run --rm ansible:9 ansible-playbook site.yml":           "machines",
		"sudo -E ansible-playbook site.yml":                             "machines",
		"sudo -u deploy -H ./deploy.sh":                                 "machines",
		"ansible-playbook --check site.yml":                             "",
		"ansible-playbook smoke-test.yml":                               "",
		"pip install ansible-playbook":                                  "",
		"knife ssh role:x 'sudo chef-client'":                           "machines",
		"knife cookbook upload x":                                       "",
		"bundle exec cap production deploy":                             "machines",
		"cap production deploy:check":                                   "",
		"ssh a@b 'sudo systemctl restart orders'":                       "machines",
		"ssh a@b uptime":                                                "",
		"ssh a@b 'kubectl rollout restart deploy/x'":                    "Kubernetes",
		"scp x a@b:/srv":                                                "machines?",
		"scp a@b:/srv/x .":                                              "",
		"rsync -a build/ dist/":                                         "",
		"./scripts/deploy.sh production":                                "machines",
		"bash deploy.sh":                                                "machines",
		"./deploy-k8s.sh":                                               "Kubernetes",
		"make deploy-production":                                        "machines",
		"make test":                                                     "",
		"mvn deploy":                                                    "",
		"./release.sh":                                                  "machines?",
		"./gradlew release":                                             "",
		"kubectl apply -f k8s":                                          "Kubernetes",
		"kubectl apply --dry-run=client -f k8s":                         "",
		"kubectl get pods":                                              "",
		"helm upgrade --install x y":                                    "Kubernetes",
		"helm lint x":                                                   "",
		"argocd app sync x":                                             "Kubernetes",
		"gcloud run deploy x":                                           "elsewhere",
		"aws s3 sync dist s3://x":                                       "elsewhere",
		"echo ./deploy.sh":                                              "",
		"VERSION=1 sudo chef-client":                                    "machines",
		"ansible web -m shell -a 'apt-get install -y orders=1'":         "machines",
		"curl -F file=@orders.deb https://apt.example.com/upload":       "",
		"npm run deploy:prod":                                           "machines",
		"su -- deploy -c 'ansible-playbook site.yml'":                   "machines",
		"bash -lc \"./deploy.sh $X\"":                                   "machines",
		"bash -c 'echo ansible-playbook'":                               "",
		"ansible-playbook -i ci build.yml":                              "",
		"ssh -o X=y deploy@app1 'echo ready'":                           "",
		"ssh -i key deploy@app1 'cat /srv/deploy/version'":              "",
		"ssh deploy@app1 /srv/deploy/restart.sh":                        "",
		"ssh -p 22 deploy@app1 'cd /srv && ./deploy.sh 1'":              "machines",
		"./bin/deploy-smoke-test":                                       "",
		"sshpass -p x ssh a@b \"sudo dpkg -i x.deb\"":                   "machines",
		"ssh a@b /opt/orders/deploy.sh 1":                               "machines",
		"parallel-ssh -h hosts 'sudo apt-get update && apt-get install": "machines",
	} {
		got := ""
		for _, c := range commands(script) {
			if d, ok := deedOf(c, "job"); ok {
				got = string(d.world)
				if d.unsure != "" {
					got += "?"
				}
			}
		}
		if got != want {
			t.Errorf("%s: %q, not %q", script, got, want)
		}
	}
}

func TestWhatACommandCallsTheVersion(t *testing.T) {
	for script, want := range map[string][]string{
		"ansible-playbook x.yml -e version=$V":                          {"$V"},
		`ansible-playbook x.yml -e '{"image_tag": "'$TAG'"}'`:           {"$TAG"},
		"ansible-playbook x.yml -e version=1.2.3":                       nil,
		"ansible-playbook x.yml -e version=v1.$N.${{ github.sha }}":     {"v1.$N.${{ github.sha }}"},
		"ansible-playbook x.yml -e ansible_python_version=$P":           nil,
		"ansible-playbook x.yml -e node_version=$N -e app_version=$A":   {"$A"},
		"VERSION=$CI_COMMIT_SHA ./deploy.sh":                            {"$CI_COMMIT_SHA"},
		"./deploy.sh prod $CI_COMMIT_SHORT_SHA":                         {"$CI_COMMIT_SHORT_SHA"},
		"./deploy.sh $HOST":                                             nil,
		"./deploy.sh --tag ${TAG}":                                      {"${TAG}"},
		"docker push $REGISTRY/orders:$CI_COMMIT_SHA":                   {"$CI_COMMIT_SHA"},
		"docker push registry:5000/orders:latest":                       nil,
		"helm upgrade x y --version $CHART --set image.tag=$TAG":        {"$TAG"},
		"scp orders_${V}_amd64.deb a@b:/tmp":                            {"${V}"},
		"scp orders-1.4.$BUILD_NUMBER.jar a@$HOST:/srv":                 {"1.4.$BUILD_NUMBER"},
		"ssh a@b 'docker run x/y:$TAG'":                                 nil,
		"ssh a@b \"docker run x/y:$TAG\"":                               {"$TAG"},
		"cap production deploy REVISION=${{ github.sha }}":              {"${{ github.sha }}"},
		"./deploy.sh -e version=$A -e sha=$B":                           {"$A", "$B"},
		"for tag in a b; do ./deploy.sh --tag $tag; done; x --tag $tag": {"$tag"},
		"while read -r h sha; do ssh $h \"deploy $sha\"; done < hosts":  nil,
		"./deploy.sh -e version=$A --tag ${A}":                          {"$A"},
	} {
		var got []string
		for _, c := range commands(script) {
			got = append(got, versionsOf(c)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", script, got, want)
		}
	}
}

func TestOptionsThatMustNotStandInACommandLine(t *testing.T) {
	for _, o := range []Options{{}, {Service: "a b"}, {Service: "$(x)"}, {Service: "-x"}, {Service: "a", Version: "a\"b"}, {Service: "a", Version: "x\ny"}, {Service: "a", Version: "-x"}, {Service: "a", Version: "`x`"}} {
		if _, err := Adopt(nil, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
