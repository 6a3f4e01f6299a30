# converge.rb REPOSITORY NODE: makes this machine what the recipes of a Chef repository say of a node. It is as much of
# Chef as the sample company uses: attributes in their order, roles, environments, data bags, ERB templates, custom resources,
# guards and notifications. It fails where Chef would: a folder that is not there, a command that ends with an error, a package that
# cannot be had.
require 'erb'
require 'etc'
require 'fileutils'
require 'json'
require 'open3'

REPOSITORY, NODE = ARGV

# A hash that makes what is asked of it: default['a']['b'] = 1.
class Tree < Hash
  def initialize
    super { |hash, key| hash[key] = Tree.new }
  end
end

# One set of attributes over another, as plain hashes with texts as keys.
def over(above, below)
  return above unless above.is_a?(Hash)

  above.each_with_object(below.is_a?(Hash) ? below.dup : {}) { |(k, v), out| out[k.to_s] = over(v, out[k.to_s]) }
end

def say(what)
  puts what
end

def read_json(path)
  JSON.parse(File.read(File.join(REPOSITORY, path)))
end

# A role or an environment, written in Ruby or in JSON.
class Described
  attr_reader :runs, :defaults, :overrides

  def initialize(path)
    @runs, @defaults, @overrides = [], {}, {}
    if File.exist?(File.join(REPOSITORY, "#{path}.rb"))
      instance_eval(File.read(File.join(REPOSITORY, "#{path}.rb")), path)
    else
      data = read_json("#{path}.json")
      @runs, @defaults, @overrides = data.fetch('run_list', []), data['default_attributes'], data['override_attributes']
    end
  end

  def name(*); end
  def description(*); end
  def run_list(*items) = @runs = items.flatten
  def default_attributes(hash) = @defaults = hash
  def override_attributes(hash) = @overrides = hash
end

# The node: what its attributes come to, in Chef's order.
class Node
  attr_reader :chef_environment, :recipes

  def initialize
    data = read_json("nodes/#{NODE}.json")
    @chef_environment = data.fetch('chef_environment')
    @recipes, @roles = [], []
    data.fetch('run_list').each { |item| expand(item) }
    environment = Described.new("environments/#{@chef_environment}")
    layers = [cookbook_defaults, environment.defaults, *@roles.map(&:defaults), data['normal'], *@roles.map(&:overrides), environment.overrides]
    @attributes = layers.compact.reduce({}) { |below, above| over(above, below) }
  end

  def [](key) = @attributes.fetch(key)
  def read(*path) = @attributes.dig(*path)

  private

  def expand(item)
    case item
    when /\Arole\[(.+)\]\z/
      role = Described.new("roles/#{$1}")
      @roles << role
      role.runs.each { |inner| expand(inner) }
    when /\Arecipe\[(.+)\]\z/
      @recipes << $1 unless @recipes.include?($1)
    else
      abort "what is #{item} in the run list of #{NODE}?"
    end
  end

  def cookbook_defaults
    default = Tree.new
    Dir[File.join(REPOSITORY, 'cookbooks/*/attributes/*.rb')].sort.each do |path|
      eval(File.read(path), binding, path) # rubocop:disable Security/Eval
    end
    default
  end
end

def sh(command, user: nil)
  command = ['runuser', '-u', user, '--', '/bin/sh', '-ec', command] if user
  command = ['/bin/sh', '-ec', command] if command.is_a?(String)
  out, status = Open3.capture2e(*command, chdir: '/')
  [out, status.success?]
end

def sh!(command, user: nil)
  out, fine = sh(command, user: user)
  abort "#{command} failed:\n#{out}" unless fine
  out
end

# Something a recipe asks for: its properties, whether it is wanted, and whom it tells of a change.
class Resource
  attr_reader :name, :properties, :told

  def initialize(name, context)
    @name, @context, @properties, @told, @guards = name, context, {}, [], []
  end

  def notifies(action, whom, *) = @told << [action, whom]
  def action(what) = @properties[:action] = what
  def system(value) = @properties[:system] = value # which would be Ruby's own
  def not_if(command = nil, user: nil, &block) = @guards << -> { !holds?(command, user, block) }
  def only_if(command = nil, user: nil, &block) = @guards << -> { holds?(command, user, block) }
  def wanted? = @guards.all?(&:call)
  def node = $node

  def method_missing(property, *values)
    return @properties[property] = values.first unless values.empty?
    return @properties[property] if @properties.key?(property)

    @context.respond_to?(property) ? @context.public_send(property) : super
  end

  def respond_to_missing?(*) = true

  private

  def holds?(command, user, block) = block ? block.call : sh(command, user: user).last
end

# What a template sees.
class Page
  def initialize(variables, node)
    variables.each { |name, value| instance_variable_set("@#{name}", value) }
    @node = node
  end

  attr_reader :node

  def render(text) = ERB.new(text, trim_mode: '-').result(binding)
end

# A recipe, or the action of a custom resource: what may be said in it.
class Recipe
  CUSTOM = {}
  DONE = []
  DELAYED = []

  def initialize(cookbook, new_resource = nil)
    @cookbook, @new_resource = cookbook, new_resource
  end

  attr_reader :new_resource

  def node = $node

  def include_recipe(name)
    cookbook, recipe = name.split('::')
    return if DONE.include?([cookbook, recipe ||= 'default'])

    DONE << [cookbook, recipe]
    path = File.join(REPOSITORY, 'cookbooks', cookbook, 'recipes', "#{recipe}.rb")
    Recipe.new(cookbook).instance_eval(File.read(path), path)
  end

  # The keys of encrypted items are not in the repository; what they hide is the same text everywhere here.
  def data_bag_item(bag, id, _secret = nil)
    read_json("data_bags/#{bag}/#{id}.json").transform_values { |v| v.is_a?(Hash) && v.key?('encrypted_data') ? 'sample' : v }
  end

  def package(names, &block)
    declare(names, block) do |r|
      Array(r.name).each do |name|
        next if installed.include?(name)

        _, fine = sh("dpkg-query -W -f '${Status}' #{name} | grep -q 'install ok installed'")
        fine ||= File.exist?("/etc/systemd/system/#{name}.service")
        abort "no package #{name} is to be had" unless fine

        installed << name # Debian starts what it installs
        sh("systemctl enable --now #{name}.service") if sh("systemctl cat #{name}.service").last
      end
      false
    end
  end

  def installed = $installed ||= []

  def directory(path, &block)
    declare(path, block) do |r|
      known = File.directory?(path)
      r.properties[:recursive] ? FileUtils.mkdir_p(path) : Dir.mkdir(path) unless known
      own(path, r)
      !known
    end
  end

  def file(path, &block) = declare(path, block) { |r| write(path, r.properties[:content], r) }

  def template(path, &block)
    declare(path, block) do |r|
      source = r.properties[:source] || "#{File.basename(path)}.erb"
      text = File.read(File.join(REPOSITORY, 'cookbooks', r.properties[:cookbook] || @cookbook, 'templates', source))
      write(path, Page.new(r.properties[:variables] || {}, node).render(text), r)
    end
  end

  def cookbook_file(path, &block) = declare(path, block) { |r| write(path, File.read(shipped(r.properties[:source])), r) }

  def remote_directory(path, &block)
    declare(path, block) do |r|
      from = shipped(r.properties[:source])
      Dir.glob('**/*', base: from).select { |f| File.file?(File.join(from, f)) }.map do |f|
        FileUtils.mkdir_p(File.dirname(File.join(path, f)))
        write(File.join(path, f), File.read(File.join(from, f)), r)
      end.any?
    end
  end

  def link(path, &block)
    declare(path, block) do |r|
      next false if File.symlink?(path) && File.readlink(path) == r.properties[:to]

      FileUtils.rm_f(path)
      File.symlink(r.properties[:to], path)
      true
    end
  end

  def archive_file(path, &block)
    declare(path, block) do |r|
      FileUtils.mkdir_p(r.properties[:destination])
      sh!(['tar', '-xf', path, '-C', r.properties[:destination]])
      true
    end
  end

  def execute(command, &block)
    declare(command, block) do |r|
      say "run #{command}"
      sh!(r.properties[:command] || command, user: r.properties[:user])
      true
    end
  end

  def user(name, &block)
    declare(name, block) do |r|
      next false if Etc.passwd { |u| break true if u.name == name }

      sh!(['useradd', *('--system' if r.properties[:system]), '--shell', r.properties[:shell] || '/bin/sh', name])
      true
    end
  end

  def sysctl(name, &block)
    declare(name, block) { |r| sh!(['sysctl', '-qw', "#{name}=#{r.properties[:value]}"]) && true }
  end

  def service(name, &block)
    declare(name, block) do |r|
      Array(r.properties[:action]).each { |a| sh!(['systemctl', a.to_s, name]) }
      false
    end
  end

  def method_missing(kind, name = nil, &block)
    custom = CUSTOM[kind] or return super
    declare(name, block, custom[:defaults].transform_values { |v| v.call(name) }) do |r|
      Recipe.new(custom[:cookbook], r).instance_exec(&custom[:action])
      false
    end
  end

  def respond_to_missing?(kind, *) = CUSTOM.key?(kind)

  private

  # What may stand in a resource's block is what may stand in the recipe, and its own properties.
  def declare(name, block, defaults = {})
    r = Resource.new(name, self)
    r.properties.merge!(defaults)
    r.instance_eval(&block) if block
    return unless r.wanted?

    changed = yield r
    r.told.each { |t| DELAYED << t unless DELAYED.include?(t) } if changed
  end

  def shipped(source)
    found = Dir[File.join(REPOSITORY, 'cookbooks', @cookbook, 'files', source), File.join(REPOSITORY, '..', source), File.join(REPOSITORY, '../platform/**', source)]
    found.first or abort "#{@cookbook} has no #{source}"
  end

  def write(path, text, resource)
    known = File.exist?(path) && File.read(path) == text
    unless known
      say "write #{path}"
      File.write("#{path}.new", text)
      check = resource.properties[:verify]
      sh!(check.sub('%{path}', "#{path}.new")) if check
      File.rename("#{path}.new", path)
      $units = true if path.start_with?('/etc/systemd/')
    end
    own(path, resource)
    sh!('systemctl daemon-reload').then { $units = false } if $units
    !known
  end

  def own(path, resource)
    File.chmod(resource.properties[:mode].to_i(8), path) if resource.properties[:mode]
    FileUtils.chown(resource.properties[:owner], resource.properties[:group], path) if resource.properties[:owner]
  end
end

# A file of custom resources.
class Custom
  def initialize(path)
    @cookbook = path.split('/')[-3]
    @defaults = {}
    instance_eval(File.read(path), path)
  end

  def resource_name(name) = @name = name
  def provides(*); end
  def unified_mode(*); end

  def property(name, *_types, **options)
    @defaults[name] = ->(_) { options[:default] } if options.key?(:default)
    @defaults[name] = ->(called) { called } if options[:name_property]
  end

  def action(_name, &block)
    Recipe::CUSTOM[@name] = { cookbook: @cookbook, defaults: @defaults, action: block }
  end
end

$stdout.sync = true
$node = Node.new
Dir[File.join(REPOSITORY, 'cookbooks/*/resources/*.rb')].sort.each { |path| Custom.new(path) }
$node.recipes.each { |name| Recipe.new(nil).include_recipe(name) }
Recipe::DELAYED.each do |action, whom|
  name = whom[/\Aservice\[(.+)\]\z/, 1]
  say "#{action} #{name}"
  sh!(['systemctl', action == :reload ? 'reload-or-restart' : action.to_s, name])
end
